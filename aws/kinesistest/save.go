package kinesistest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A savedStream is the first line of a file that [Fake.Save] writes. Only the
// stream's name must be there.
type savedStream struct {
	Stream         string    `json:"stream"`
	Shards         int       `json:"shards,omitempty"` // to begin with; 0 means 1
	RetentionHours int       `json:"retention_hours,omitempty"`
	OnDemand       bool      `json:"on_demand,omitempty"`
	RecordBytes    int       `json:"max_record_bytes,omitempty"`
	Created        time.Time `json:"created,omitzero"`
	Saved          time.Time `json:"saved,omitzero"`
}

// A savedStep is each line after it: a record, a split or a merge.
type savedStep struct {
	line int // of the file

	At time.Time `json:"at,omitzero"` // zero means with the one before

	Split *weir.ShardID  `json:"split,omitempty"`
	From  *weir.HashKey  `json:"from,omitempty"` // where the second child begins
	Merge []weir.ShardID `json:"merge,omitempty"`

	Shard *weir.ShardID `json:"shard,omitempty"` // nil means the one of the key
	Key   string        `json:"key,omitempty"`
	Text  string        `json:"text,omitempty"` // the data, if it is text
	Data  []byte        `json:"data,omitempty"` // else
}

// Save writes a stream to a file that [Fake.Load] reads: everything that was
// put, expired or not, and the splits and merges, a line of JSON for each in
// the order of time. Such files can be written by hand as well; [Fake.Load]
// says what may be left out. Registered consumers, tags and what else the
// stream has are not in it.
func (k *Fake) Save(stream, path string) {
	k.t.Helper()
	s := k.need(stream)
	k.drain()
	k.mu.Lock()
	l := k.logOfLocked(s)
	l.lookAtShards()
	records, shards := slices.Clone(l.records), make([]weir.Shard, 0, len(l.shards))
	for _, sh := range l.shards {
		shards = append(shards, sh)
	}
	k.mu.Unlock()
	settings := s.Settings()
	head := savedStream{
		Stream: stream, RetentionHours: int(settings.Retention / time.Hour), OnDemand: settings.Mode == weir.OnDemand,
		RecordBytes: settings.RecordBytes, Created: s.CreatedAt(), Saved: k.Now(),
	}
	steps := reshards(shards)
	for _, sh := range shards {
		if len(sh.Parents) == 0 {
			head.Shards++
		}
	}
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(a.ArrivalTime.Compare(b.ArrivalTime), cmp.Compare(a.ShardID(), b.ShardID()))
	})
	lines := []any{head}
	born := weir.ShardID(head.Shards) // the next child
	for _, r := range records {
		for ; len(steps) > 0 && (r.ShardID() >= born || steps[0].At.Before(r.ArrivalTime)); steps = steps[1:] {
			lines = append(lines, steps[0])
			born += weir.ShardID(2 - len(steps[0].Merge)/2)
		}
		lines = append(lines, savedRecord(r))
	}
	for _, step := range steps {
		lines = append(lines, step)
	}
	k.writeLines(path, lines)
}

// reshards returns the splits and merges that led to shards, in their order.
func reshards(shards []weir.Shard) []savedStep {
	slices.SortFunc(shards, func(a, b weir.Shard) int { return cmp.Compare(a.ID, b.ID) })
	var steps []savedStep
	for i := 0; i < len(shards); i++ {
		switch sh := shards[i]; {
		case len(sh.Parents) == 2:
			steps = append(steps, savedStep{At: sh.OpenedAt, Merge: sh.Parents})
		case len(sh.Parents) == 1 && i+1 < len(shards): // the second child follows
			i++
			steps = append(steps, savedStep{At: sh.OpenedAt, Split: &sh.Parents[0], From: &shards[i].HashKeyRange.Start})
		}
	}
	return steps
}

func savedRecord(r Record) savedStep {
	shard := r.ShardID()
	step := savedStep{At: r.ArrivalTime, Shard: &shard, Key: r.PartitionKey}
	if utf8.Valid(r.Data) {
		step.Text = string(r.Data)
	} else {
		step.Data = r.Data
	}
	return step
}

// Load makes the stream of a file that [Fake.Save] wrote, as it was then: the
// same records in the same shards, open ones and closed ones with their
// children, all as old as they were. So times are later than in the file by as
// much as Load is after Save; if it is at the same time of the fake's clock,
// sequence numbers are the same too. While Load runs the fake's clock shows
// times of the past, so load before anything else goes on.
//
// In a file written by hand a line needs no more than {"key": …, "text": …},
// after a first one {"stream": …, "shards": …}: without a time of saving in it
// times stay as they are, and what has no time comes with what is before it, or
// now. Data that is no text is {"key": …, "data": …} in base64. Times must not
// go back from line to line. If the stream is there already, the records are
// put into it now, past faults, and splits and merges are left out. What is
// wrong with a file fails the test, with the number of the line.
func (k *Fake) Load(path string) {
	k.t.Helper()
	var head savedStream
	var steps []savedStep
	var before time.Time
	k.readLines(path, func(number int, line []byte) error {
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if head.Stream == "" {
			if err := decodeLine(d, &head); err != nil || head.Stream == "" {
				return cmp.Or(err, errors.New(`the first line names no "stream"`))
			}
			before = head.Created
			return nil
		}
		step := savedStep{line: number}
		if err := decodeLine(d, &step); err != nil {
			return err
		}
		err := step.check(before)
		if !step.At.IsZero() {
			before = step.At
		}
		steps = append(steps, step)
		return err
	})
	var err error
	switch {
	case head.Stream == "":
		err = errors.New(`the first line names no "stream"`)
	case k.account.Stream(head.Stream) != nil:
		err = k.putSteps(head.Stream, steps)
	default:
		err = k.rebuild(head, steps)
	}
	if err != nil {
		k.t.Fatalf("kinesistest: load %s: %v", path, err)
	}
}

// decodeLine decodes a line, which is one value.
func decodeLine(d *json.Decoder, v any) error {
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more on the line than one JSON value")
	}
	return nil
}

// check says what is wrong with a step by itself, or after a step of some time.
// Save may write a record, whose time is in whole milliseconds, after a split
// that is later by less than one.
func (s *savedStep) check(before time.Time) error {
	record := s.Key != "" || s.Text != "" || s.Data != nil || s.Shard != nil
	switch {
	case record && !s.isRecord() || s.Split != nil && s.Merge != nil:
		return errors.New("a line is a record, a split or a merge, not two of them")
	case s.Text != "" && s.Data != nil:
		return errors.New(`the data of a record is "text" or "data", not both`)
	case !s.isRecord() && !(s.Split != nil && s.From != nil) && len(s.Merge) != 2:
		return errors.New(`a split is {"split": shard, "from": hash key}, a merge {"merge": [shard, shard]}`)
	case !s.At.IsZero() && s.At.Before(before.Add(-time.Millisecond)):
		return fmt.Errorf("%v is before %v of the lines above", s.At.UTC(), before.UTC())
	}
	return nil
}

// putSteps puts the records of a file into a stream, now.
func (k *Fake) putSteps(stream string, steps []savedStep) error {
	steps = slices.DeleteFunc(steps, func(s savedStep) bool { return !s.isRecord() })
	entries := make([]weir.Entry, len(steps))
	for i, step := range steps {
		entries[i] = weir.Entry{PartitionKey: step.Key, Data: step.data()}
	}
	n, err := k.putAll(k.t.Context(), k.need(stream), entries)
	if err != nil {
		return fmt.Errorf("line %d: %w", steps[n].line, err)
	}
	return nil
}

func (s *savedStep) isRecord() bool { return s.Split == nil && s.Merge == nil && s.From == nil }

func (s *savedStep) data() []byte {
	if s.Data != nil {
		return s.Data
	}
	return []byte(s.Text)
}

// A rebuilder makes a stream again, with the fake's clock held at one time of
// its past after the other.
type rebuilder struct {
	fake    *Fake
	stream  *weir.Stream
	now     time.Time     // it really is
	shift   time.Duration // from times of the file
	at      time.Time     // what the clock shows
	drained time.Time
}

func (k *Fake) rebuild(head savedStream, steps []savedStep) (err error) {
	now := k.Now()
	b := &rebuilder{fake: k, now: now}
	if !head.Saved.IsZero() {
		b.shift = now.Sub(head.Saved)
	}
	defer func() {
		k.drain()
		k.clock.held.Store(nil)
		k.account.Wake()
		if err == nil && b.at.After(now) {
			err = k.skip(k.t.Context(), b.at.Sub(now)) // the limits did not let it be sooner
		}
	}()
	b.begin(head, steps)
	spec := StreamSpec{Name: head.Stream, Shards: head.Shards, Retention: time.Duration(head.RetentionHours) * time.Hour}
	if b.stream, err = k.create(spec, b.at); err != nil {
		return err
	}
	if head.RecordBytes > 0 {
		if err := b.stream.Set(context.Background(), func(t *weir.Settings) { t.RecordBytes = head.RecordBytes }); err != nil {
			return err
		}
	}
	for i := range steps {
		if err := b.do(&steps[i]); err != nil {
			return fmt.Errorf("line %d: %w", steps[i].line, err)
		}
	}
	if head.OnDemand {
		return b.turnOnDemand(head.Stream)
	}
	return nil
}

// begin shows the time at which the stream was created: the file's, else that
// of its first record, else now.
func (b *rebuilder) begin(head savedStream, steps []savedStep) {
	at := head.Created
	for i := 0; i < len(steps) && at.IsZero(); i++ {
		at = steps[i].At
	}
	if at.IsZero() {
		at = b.now.Add(-b.shift)
	}
	b.drained = at.Add(b.shift)
	b.show(at)
}

// show shows a time of the file, never an earlier one than before. What would
// expire by then is written down before.
func (b *rebuilder) show(at time.Time) {
	if at = at.Add(b.shift); at.Before(b.at) {
		at = b.at
	}
	if !b.at.IsZero() && at.Sub(b.drained) >= b.fake.watchEvery() {
		b.fake.drain()
		b.drained = at
	}
	b.at = at
	b.fake.clock.held.Store(&at)
}

func (b *rebuilder) do(step *savedStep) error {
	if at := step.At.Add(b.shift); at.After(b.now) {
		return fmt.Errorf("%v is yet to come: it is %v", at.UTC(), b.now.UTC())
	}
	if !step.At.IsZero() {
		b.show(step.At)
	}
	switch {
	case step.Split != nil:
		_, err := b.stream.SplitShard(context.Background(), *step.Split, *step.From)
		return err
	case step.Merge != nil:
		_, err := b.stream.MergeShards(context.Background(), step.Merge[0], step.Merge[1])
		return err
	}
	return b.put(step)
}

// put puts a record into its shard, later if the limits do not let it be now.
func (b *rebuilder) put(step *savedStep) error {
	e := weir.Entry{PartitionKey: step.Key, Data: step.data()}
	if step.Shard != nil && b.stream.ShardOf(step.Key) != *step.Shard {
		for _, sh := range b.stream.Shards() {
			if sh.ID == *step.Shard {
				e.ExplicitHashKey = &sh.HashKeyRange.Start
			}
		}
	}
	for {
		res, err := b.stream.Put(context.Background(), e)
		switch {
		case errors.Is(err, weir.ErrThroughputExceeded):
			b.show(b.at.Add(10*time.Millisecond - b.shift))
			continue
		case err == nil && step.Shard != nil && res.ShardID != *step.Shard:
			return fmt.Errorf("there is no open %v", *step.Shard)
		}
		return err
	}
}

// turnOnDemand lets the stream choose its shards from now on.
func (b *rebuilder) turnOnDemand(stream string) error {
	arn, mode, ctx := b.fake.StreamARN(stream), account.ModeOnDemand, context.Background()
	if _, err := b.fake.account.UpdateStreamMode(ctx, &account.UpdateStreamModeInput{
		StreamARN: &arn, StreamModeDetails: &account.StreamModeDetails{StreamMode: &mode},
	}); err != nil {
		return err
	}
	done := b.at.Add(b.fake.config.Delays.Update)
	b.fake.clock.held.Store(&done)
	_, err := b.fake.account.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: &stream})
	return err
}

func (k *Fake) writeLines(path string, lines []any) {
	k.t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, line := range lines {
		if err := e.Encode(line); err != nil {
			k.t.Fatalf("kinesistest: %s: %v", path, err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		k.t.Fatalf("kinesistest: %v", err)
	}
}

// readLines reads the lines of a file that are not empty.
func (k *Fake) readLines(path string, read func(number int, line []byte) error) {
	k.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatalf("kinesistest: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 64<<20)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := read(number, lines.Bytes()); err != nil {
			k.t.Fatalf("kinesistest: %s, line %d: %v", path, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		k.t.Fatalf("kinesistest: %s: %v", path, err)
	}
}
