package console

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/eventpattern"
)

// What one page of records may take. A filter that few records match looks
// through so many and no longer; the next page goes on behind them.
const (
	recordsAPage  = 50
	scannedAPage  = 200_000
	scanFor       = 300 * time.Millisecond
	previewBytes  = 400      // of a record in a list
	bodyBytes     = 64 << 10 // of a record on a page of its own
	hexBytes      = 4 << 10
	mostPositions = 1000 // shards that a place in a whole stream is kept of
)

// A query says which records are asked for.
type query struct {
	Shard    string // empty: all, each key's in order
	From     string // horizon, latest, time or number
	At       string // a time, or a sequence number
	Key      string // empty: any
	Pattern  string // empty: any
	Packed   bool   // show aggregates as they are
	Place    string // where an earlier page ended
	Follow   bool
	position weir.Position
	pattern  *eventpattern.Pattern
}

type recordsData struct {
	frame
	Query   query
	Rows    []recordRow
	Scanned int64
	Next    string // the place behind; empty at the tip
	Done    bool   // there is nothing more now
	Why     string // what was wrong with the query
	Shards  []string
	Skipped bool // of a page that follows: it could not keep up
	Lost    int64
}

// NextLink returns the address of the page that goes on.
func (d recordsData) NextLink() string {
	q := d.Query
	packed := ""
	if q.Packed {
		packed = "1"
	}
	return d.Link("records", "shard", q.Shard, "from", q.From, "pos", q.At, "key", q.Key, "pattern", q.Pattern, "packed", packed, "place", d.Next)
}

// Short returns the end of the sequence number, by which those of a page can be
// told apart.
func (r recordRow) Short() string { return "…" + r.Number[max(0, len(r.Number)-shortNumber):] }

const shortNumber = 16

// A recordRow is a record in a list.
type recordRow struct {
	Shard, Number, Key string
	Arrived            time.Time
	Bytes              int
	Preview            string
	Kind               string // JSON, text, binary
	Sub                int    // in an aggregate, from 0; -1 if it is in none
	Link               string
}

// readQuery reads which records are asked for, now.
func readQuery(r *http.Request, now time.Time) (q query, err error) {
	q = query{Shard: r.FormValue("shard"), From: r.FormValue("from"), At: strings.TrimSpace(r.FormValue("pos")), Key: r.FormValue("key"),
		Pattern: strings.TrimSpace(r.FormValue("pattern")), Packed: r.FormValue("packed") != "", Place: r.FormValue("place"), Follow: r.FormValue("follow") != ""}
	switch q.From {
	case "", "horizon":
		q.From, q.position = "horizon", weir.TrimHorizon()
		if q.At != "" {
			err = fmt.Errorf("pos: %.80q says nothing beside the horizon; choose a time or a sequence number", q.At)
		}
	case "latest":
		q.position = weir.Latest()
	case "time":
		q.position, err = timePosition(q.At, now)
	case "number":
		q.position, err = numberPosition(&q)
	default:
		err = fmt.Errorf("from: %.40q is none of horizon, latest, time and number", q.From)
	}
	if err == nil && q.Shard != "" {
		var id weir.ShardID
		if id, err = parseShard("shard", q.Shard); err == nil {
			q.position = q.position.In(id)
		}
	}
	if q.Pattern != "" && err == nil {
		if q.pattern, err = eventpattern.Compile([]byte(q.Pattern)); err != nil {
			err = fmt.Errorf("pattern: %w", err)
		}
	}
	return q, err
}

// timePosition reads a time as a browser's field gives it, in UTC, with or
// without seconds, or in the form of RFC 3339; or as a time ago, such as 5m.
func timePosition(text string, now time.Time) (weir.Position, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339Nano, "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return weir.AtTime(t), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return weir.AtTime(now.Add(-ago)), nil
	}
	return weir.Position{}, fmt.Errorf("pos: %.80q is no time, such as 2026-01-31T12:00:00Z, or 5m for five minutes ago", text)
}

// numberPosition reads a sequence number, which says the shard as well.
func numberPosition(q *query) (weir.Position, error) {
	n, err := weir.ParseSequenceNumber(q.At)
	if err != nil || n.IsZero() {
		return weir.Position{}, fmt.Errorf("pos: %.80q is no sequence number", q.At)
	}
	q.Shard = n.Shard().String()
	return weir.AtSequence(n), nil
}

func (c *Console) recordsPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "records")
	if err != nil {
		return answer{err: err}
	}
	d := recordsData{frame: f}
	d.Live = false
	for _, sh := range s.Shards() {
		if len(d.Shards) < rowsAPage*10 {
			d.Shards = append(d.Shards, sh.ID.String())
		}
	}
	if d.Query, err = readQuery(r, c.config.Now()); err != nil {
		d.Why = err.Error()
		return answer{template: "records", data: d}
	}
	if d.Query.Follow {
		d.Live = true
		c.follow(r.Context(), &d, s)
		return answer{template: "records", data: d}
	}
	if err := c.browse(r.Context(), &d, s); err != nil {
		d.Why = err.Error()
	}
	return answer{template: "records", data: d}
}

// browse fills in a page of records.
func (c *Console) browse(ctx context.Context, d *recordsData, s *weir.Stream) error {
	from := d.Query.position
	if p, ok := c.places.take(d.Query.Place); ok {
		from = weir.Resume(p, from)
	}
	reader, err := s.NewReader("console", from.ToTip())
	if err != nil {
		return err
	}
	defer reader.Close()
	d.Done, err = d.read(ctx, reader, recordsAPage, rangesOf(s))
	d.Lost = reader.Lost()
	if err == nil && !d.Done {
		if p := reader.Positions(); len(p) <= mostPositions {
			d.Next = c.places.add(p)
		} else {
			d.Why = "There is more. Choose a shard to go on: this stream has too many to remember all places."
		}
	}
	return err
}

// rangesOf returns the ranges of shards, by which aggregates are judged.
func rangesOf(s *weir.Stream) func(weir.ShardID) *weir.HashKeyRange {
	ranges := make(map[weir.ShardID]weir.HashKeyRange)
	for _, sh := range s.Shards() {
		ranges[sh.ID] = sh.HashKeyRange
	}
	return func(id weir.ShardID) *weir.HashKeyRange {
		if r, ok := ranges[id]; ok {
			return &r
		}
		return nil
	}
}

// read adds records that the query wants until there are enough, enough were
// looked at, or there are no more, which it reports.
func (d *recordsData) read(ctx context.Context, reader *weir.Reader, most int, within func(weir.ShardID) *weir.HashKeyRange) (tip bool, err error) {
	begin, size := time.Now(), most
	for len(d.Rows) < most && d.Scanned < scannedAPage && time.Since(begin) < scanFor {
		// What a batch has is passed over, so it must not have more than is shown.
		b, err := reader.NextBatch(ctx, min(size, most-len(d.Rows)), 0)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		unpack := aggregate.Decoder{Within: within(b.Shard), Anyway: true}
		for _, rec := range b.Records {
			d.Scanned++
			if d.add(rec, &unpack) {
				size = 1 // one aggregate alone may fill the page
			}
		}
	}
	return false, nil
}

// mostUserRecords of an aggregate are shown in a list.
const mostUserRecords = 200

// add adds a record, or what is in it, if the query wants it, and reports whether
// it is an aggregate that was taken apart.
func (d *recordsData) add(rec weir.Record, unpack *aggregate.Decoder) (apart bool) {
	if d.Query.Packed {
		d.addRow(aggregate.Record{Record: rec})
		return false
	}
	n := 0
	for user := range unpack.Records(rec) {
		d.addRow(user)
		apart = apart || user.Aggregated
		if n++; n == mostUserRecords {
			break
		}
	}
	return apart
}

func (d *recordsData) addRow(rec aggregate.Record) {
	if d.Query.Key != "" && rec.PartitionKey != d.Query.Key || d.Query.pattern != nil && !matches(d.Query.pattern, rec.Record) {
		return
	}
	row := recordRow{Shard: rec.ShardID().String(), Number: rec.SequenceNumber.String(), Key: clip(rec.PartitionKey, 256),
		Arrived: rec.ArrivalTime, Bytes: len(rec.Data), Sub: -1}
	sub := ""
	if rec.Aggregated {
		row.Sub, sub = rec.Sub, strconv.Itoa(rec.Sub)
	}
	row.Kind = kindOf(rec.Data)
	row.Preview = clip(string(rec.Data[:min(len(rec.Data), previewBytes)]), previewBytes)
	if row.Kind == "binary" {
		row.Preview = hex.EncodeToString(rec.Data[:min(len(rec.Data), previewBytes/8)])
	}
	row.Link = d.Link("record", "number", row.Number, "sub", sub)
	d.Rows = append(d.Rows, row)
}

// matches reports whether a record matches a pattern, of the form that filters of
// event source mappings have: partitionKey and, if it is JSON, data.
func matches(p *eventpattern.Pattern, rec weir.Record) bool {
	key, _ := json.Marshal(rec.PartitionKey) // of a string, without error
	event := fmt.Appendf(nil, `{"partitionKey":%s,"sequenceNumber":%q`, key, rec.SequenceNumber.String())
	if json.Valid(rec.Data) {
		event = append(append(event, `,"data":`...), rec.Data...)
	}
	ok, err := p.Match(append(event, '}'))
	return ok && err == nil
}

// kindOf says what data looks like, by its beginning if it is long.
func kindOf(data []byte) string {
	head := data[:min(len(data), bodyBytes)]
	trimmed := bytes.TrimSpace(head)
	switch {
	case len(data) == 0:
		return "empty"
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && (len(data) > bodyBytes || json.Valid(data)):
		return "JSON"
	case isText(head):
		return "text"
	}
	return "binary"
}

// isText reports whether data is UTF-8, a character cut off at the end aside,
// without control characters that text does not have.
func isText(data []byte) bool {
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 && utf8.FullRune(data) || r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
		data = data[n:]
	}
	return true
}

// clip returns text of at most so many bytes, without a broken character.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "�")
}

// recordData is the page of one record.
type recordData struct {
	frame
	Row      recordRow
	Hash     string
	Explicit string
	JSON     string
	Text     string
	Hex      string
	Cut      bool // there is more than is shown
	Inside   []recordRow
	More     int // user records that are not shown
	Before   string
	RawLink  string
	CLI      string
}

// recordPage shows the record of a sequence number, or of one within.
func (c *Console) recordPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "records")
	if err != nil {
		return answer{err: err}
	}
	f.Live, f.Title = false, "Record of "+s.Name()
	rec, err := findRecord(r.Context(), s, r.FormValue("number"), r.FormValue("sub"))
	if err != nil {
		return answer{status: http.StatusNotFound, err: err}
	}
	if r.FormValue("raw") != "" {
		return answer{raw: append([]byte{}, rec.Data...), header: http.Header{
			"Content-Type":        {"application/octet-stream"},
			"Content-Disposition": {`attachment; filename="record-` + rec.SequenceNumber.String() + `"`},
		}}
	}
	d := recordData{frame: f, Hash: weir.HashPartitionKey(rec.PartitionKey).String(), Explicit: rec.ExplicitHashKey, Cut: len(rec.Data) > bodyBytes}
	list := recordsData{frame: f, Query: query{Packed: true}}
	list.addRow(rec)
	d.Row = list.Rows[0]
	d.RawLink = f.Link("record", "number", d.Row.Number, "sub", r.FormValue("sub"), "raw", "1")
	d.fill(rec)
	d.CLI = c.command(r, f.Stream, "get-shard-iterator", "--stream-name", s.Name(), "--shard-id", d.Row.Shard,
		"--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", d.Row.Number)
	if !rec.Aggregated && aggregate.May(rec.Data) {
		inside := recordsData{frame: f}
		for user := range new(aggregate.Decoder).Records(rec.Record) {
			if !user.Aggregated {
				break
			}
			if len(inside.Rows) == mostUserRecords {
				d.More++
				continue
			}
			inside.addRow(user)
		}
		d.Inside = inside.Rows
	}
	return answer{template: "record", data: d}
}

// fill fills in the forms in which data can be read.
func (d *recordData) fill(rec aggregate.Record) {
	head := rec.Data[:min(len(rec.Data), bodyBytes)]
	if d.Row.Kind == "JSON" && !d.Cut {
		var pretty bytes.Buffer
		if json.Indent(&pretty, rec.Data, "", "  ") == nil {
			d.JSON = pretty.String()
		}
	}
	if d.Row.Kind != "binary" {
		d.Text = strings.ToValidUTF8(string(head), "�")
	}
	d.Hex = hex.Dump(rec.Data[:min(len(rec.Data), hexBytes)])
}

// findRecord returns the record of a number, or a user record in it.
func findRecord(ctx context.Context, s *weir.Stream, number, sub string) (found aggregate.Record, err error) {
	n, err := weir.ParseSequenceNumber(number)
	if err != nil || n.IsZero() {
		return found, fmt.Errorf("number: %.80q is no sequence number", number)
	}
	r, err := s.NewReader("console", weir.AtSequence(n).In(n.Shard()).ToTip())
	if err != nil {
		return found, err
	}
	defer r.Close()
	b, err := r.NextBatch(ctx, 1, 0)
	if err != nil || len(b.Records) == 0 || b.Records[0].SequenceNumber != n {
		return found, fmt.Errorf("there is no record %s any more, or there never was", n)
	}
	rec := b.Records[0]
	if sub == "" {
		return aggregate.Record{Record: rec}, nil
	}
	for user := range new(aggregate.Decoder).Records(rec) {
		if user.Aggregated && strconv.Itoa(user.Sub) == sub {
			return user, nil
		}
	}
	return found, fmt.Errorf("sub: record %s has no user record %.20q in it", n, sub)
}
