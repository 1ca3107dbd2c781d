package weir

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/plan"
	"github.com/weirstream/weir/internal/scale"
	"github.com/weirstream/weir/internal/shardlog"
)

// A saved stream is savedMagic and then frames: one of the stream, one of each
// shard followed by one of each of its log's blocks, and an end. A frame is its
// kind, its length, its content and a checksum. Version 1 knew no gaps, and did
// not say when the stream was saved.
const (
	savedMagic   = "weir stream 2\n"
	savedVersion = 2 // of savedMagic
)

type frameKind byte

const (
	frameStream frameKind = 's' // savedStream as JSON
	frameShard  frameKind = 'h' // savedShard as JSON
	frameBlock  frameKind = 'g' // shardlog.BlockHead, data unless hollow, headers
	frameEnd    frameKind = 'e' // empty
)

// savedStream is what is saved of a stream beside its shards.
type savedStream struct {
	Name         string
	Created      clock.Instant
	Retention    int64
	RecordBytes  int64
	Mode         int32 // a Mode
	Distribution int32 // a Distribution
	Warm         int
	Next         ShardID
	Resizes      []clock.Instant `json:",omitempty"`
	Switches     []clock.Instant `json:",omitempty"`
	Consumers    []savedConsumer `json:",omitempty"`
	Hollow       bool            `json:",omitempty"` // blocks have headers only
	Shards       int
	LastSecond   int64 `json:",omitempty"` // the latest in which something was put

	Ended bool `json:",omitempty"` // no shard is open, nor will one be

	Machine *scale.Saved           `json:",omitempty"` // of on-demand mode; on disk only
	Counted map[ShardID]scale.Load `json:",omitempty"` // what it has counted of the open shards

	Saved      clock.Instant `json:",omitempty"`
	OpensAfter uint64        `json:",omitempty"` // the second that shards count as created after
}

type savedConsumer struct {
	Name    string
	Created clock.Instant
}

// savedShard is what is saved of a shard beside its blocks.
type savedShard struct {
	ID           ShardID
	Created      uint64
	Keys         HashKeyRange
	Parents      []ShardID `json:",omitempty"`
	Opened       int64
	LastMs       int64
	First, End   uint64 // the oldest index not trimmed, and the one after the newest
	Bytes        int64  // sizes of all records ever
	BatchRecords int64
	BatchBytes   int64
	Segments     int            // blocks, by the name that they had in version 1
	Gaps         []shardlog.Gap `json:",omitempty"` // indexes that no record has
	Ending       *savedEnding   `json:",omitempty"`
}

type savedEnding struct {
	ClosedMs int64
	Second   uint64
	Children []ShardID
}

// A heldShard is a shard as it was at a moment.
type heldShard struct {
	meta   savedShard
	blocks []shardlog.SavedBlock
}

// Save writes the stream with all its records to w, in a form that [LoadStream]
// reads: shards and their lineage, sequence numbers, arrival times, settings
// that can be changed while running, and registered consumers. It holds up
// nobody for long: each shard is written as it was at one moment during the
// call, and puts go on meanwhile. What is given out after that, numbers and
// positions, is lost with the stream: the one that is loaded refuses it.
func (s *Stream) Save(w io.Writer) error {
	if w == nil {
		return invalidf("writer", "is nil")
	}
	if s.disk != nil {
		defer s.disk.pin()()
	}
	meta, shards := s.hold()
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(savedMagic) // what is wrong is said by what follows
	if err := writeJSON(out, frameStream, meta); err != nil {
		return err
	}
	for _, sh := range shards {
		if err := sh.write(out); err != nil {
			return err
		}
	}
	return cmp.Or(writeFrame(out, frameEnd), out.Flush())
}

// hold returns what is to be written.
func (s *Stream) hold() (savedStream, []heldShard) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	s.catchUpLocked(now)
	horizon := s.horizonMs(now)
	t := s.Settings()
	meta := savedStream{
		Name: s.name, Created: s.created, Retention: int64(t.Retention), RecordBytes: int64(t.RecordBytes),
		Mode: int32(t.Mode), Distribution: int32(t.Distribution), Warm: t.WarmThroughput,
		Ended: s.ended(), Saved: now, OpensAfter: s.opensAfter,
		Hollow: s.config.Hollow, Next: s.routes.Load().next, Resizes: slices.Clone(s.resizes), Switches: slices.Clone(s.switches),
	}
	for _, c := range s.Consumers() {
		meta.Consumers = append(meta.Consumers, savedConsumer{c.Name, clock.Instant(c.CreatedAt.UnixNano())})
	}
	var shards []heldShard
	for _, sh := range s.routes.Load().all {
		if !sh.expired(horizon) {
			shards = append(shards, sh.hold())
		}
	}
	meta.Shards = len(shards)
	meta.LastSecond = s.marks.Last() // after the shards, so not before any of their records
	return meta, shards
}

// hold returns the shard as it is now. The caller holds reshard.
func (sh *shard) hold() heldShard {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	in, state := sh.takenIn(), sh.log.State(sh.lastMs)
	held := heldShard{blocks: sh.log.Blocks(), meta: sh.savedMeta()}
	m := &held.meta
	m.LastMs, m.First, m.End, m.Bytes, m.Gaps = sh.lastMs, state.First, state.End, state.Bytes, state.Gaps
	m.BatchRecords, m.BatchBytes, m.Segments = in.BatchRecords, in.BatchBytes, len(held.blocks)
	if e := sh.ending.Load(); e != nil {
		m.Ending = e.saved()
	}
	return held
}

// savedMeta returns what is saved of a shard that has no record and is open.
func (sh *shard) savedMeta() savedShard {
	return savedShard{
		ID: sh.id, Created: sh.created, Keys: sh.keys, Parents: sh.parents, Opened: sh.opened, LastMs: sh.opened,
	}
}

// saved returns what is saved of an ending.
func (e *shardEnding) saved() *savedEnding {
	saved := &savedEnding{ClosedMs: e.closedMs, Second: e.second}
	for _, child := range e.children {
		saved.Children = append(saved.Children, child.id)
	}
	return saved
}

// write writes the frames of a shard.
func (sh heldShard) write(w io.Writer) error {
	if err := writeJSON(w, frameShard, sh.meta); err != nil {
		return err
	}
	for _, b := range sh.blocks {
		head, err := binary.Append(nil, binary.LittleEndian, b.BlockHead)
		if err = cmp.Or(err, b.Fetch()); err != nil {
			return err
		}
		if err := writeFrame(w, frameBlock, head, b.Data, b.Headers); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, kind frameKind, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, content)
}

// writeFrame writes a frame whose content is the parts one after the other.
func writeFrame(w io.Writer, kind frameKind, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	head := binary.LittleEndian.AppendUint32([]byte{byte(kind)}, uint32(size))
	sum := crc32.NewIEEE()
	for _, part := range slices.Concat([][]byte{head}, parts) {
		sum.Write(part)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// LoadStream returns the stream that [Stream.Save] wrote. Its name and the
// settings that can be changed while running are the saved ones, and it is
// hollow if that one was; the limits, the clock and all else are c's. Records
// keep their sequence numbers and arrivals, so what expired meanwhile is gone;
// iterators and positions from before remain valid. Counts other than those of
// incoming records begin anew, and an on-demand stream begins with the shards
// it has. The error matches [ErrDamaged], or wraps one of r, or is one of
// [NewStream], or says that a later version of this package saved the stream.
//
// The run that saved the stream may have gone on, and given out numbers that
// are lost with it. The loaded stream gives out none of them again. In each
// open shard it leaves at least 2^40 indexes out, and the shards that it opens
// count as created at least a minute later. So a position from after the save
// is recognised: it is refused with an error that matches
// [ErrInvalidSequenceNumber] or [ErrInvalidIterator], and never names what
// comes next. A file may be loaded twice, if c.Now tells a later time each
// time, none of them before that of the save.
func LoadStream(r io.Reader, c Config) (*Stream, error) {
	if r == nil {
		return nil, invalidf("reader", "is nil")
	}
	l := loader{in: bufio.NewReaderSize(r, 1<<16), lost: true}
	if err := l.magic(); err != nil {
		return nil, err
	}
	if err := l.stream(c); err != nil {
		return nil, err
	}
	for range l.meta.Shards {
		if err := l.shard(); err != nil {
			return nil, err
		}
	}
	if _, err := l.frame(frameEnd); err != nil {
		return nil, err
	}
	return l.finish()
}

// magic reads how a saved stream begins.
func (l *loader) magic() error {
	const name, longest = "weir stream ", 10 // digits of a version
	line, err := l.in.Peek(len(name) + longest + 1)
	if err != nil && err != io.EOF {
		return cutOff(err)
	}
	text, _, _ := strings.Cut(string(line), "\n")
	number, isOurs := strings.CutPrefix(text, name)
	version, err := strconv.ParseUint(number, 10, 32)
	switch {
	case !isOurs || err != nil || version == 0 || len(text) == len(line) || number[0] == '0':
		return damagedf("it does not begin with %q", savedMagic)
	case version > savedVersion:
		return fmt.Errorf("saved stream is of version %d; versions up to %d can be read", version, savedVersion)
	}
	_, err = l.in.Discard(len(text) + 1)
	return err
}

// A loader is a stream that is being loaded.
type loader struct {
	in     *bufio.Reader // nil if the shards come from a journal
	buffer bytes.Buffer  // the frame that was read last
	s      *Stream
	now    clock.Instant // when it was begun
	meta   savedStream
	shards []*shard
	saved  []savedShard
	lost   bool // the run that saved it may have given out numbers that are lost
}

const (
	// A loaded stream leaves out lostIndexes of each open shard, and
	// lostIndexesPerMs more for each millisecond since it was saved: what was
	// saved once may be loaded twice, and what the first of the two runs gave
	// out is lost as well. Both are more than a shard takes in the time.
	lostIndexes      = 1 << 40
	lostIndexesPerMs = 1 << 18
	// lostSeconds is how many seconds are left out before the shards that it
	// opens next count as created, for the shards that a lost run may have
	// opened.
	lostSeconds = 60
)

// maxFrameBytes is more than any frame takes: a block of the largest size.
const maxFrameBytes = 2 * shardlog.MaxBlockBytes

// cutOff says why there is less than there should be: the reader's own error,
// which says nothing of the stream, or that it ends.
func cutOff(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return damagedf("it is cut off")
	}
	return fmt.Errorf("saved stream: %w", err)
}

// frame reads a frame of a kind and returns its content, which the next call
// overwrites.
func (l *loader) frame(kind frameKind) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(l.in, head); err != nil {
		return nil, cutOff(err)
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if frameKind(head[0]) != kind || size > maxFrameBytes {
		return nil, damagedf("there is %q of %d bytes where %q is due", head[0], size, byte(kind))
	}
	content := &l.buffer // grows with what is there, whatever size says
	content.Reset()
	if _, err := io.CopyN(content, l.in, int64(size)+4); err != nil {
		return nil, cutOff(err)
	}
	sum := crc32.NewIEEE()
	sum.Write(head)
	sum.Write(content.Bytes()[:size])
	if binary.LittleEndian.Uint32(content.Bytes()[size:]) != sum.Sum32() {
		return nil, damagedf("a checksum is wrong")
	}
	return content.Bytes()[:size:size], nil
}

func (l *loader) json(kind frameKind, v any) error {
	content, err := l.frame(kind)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, v); err != nil {
		return damagedf("%v", err)
	}
	return nil
}

// stream reads the stream's frame and makes a stream without shards.
func (l *loader) stream(c Config) error {
	if err := l.json(frameStream, &l.meta); err != nil {
		return err
	}
	return l.begin(c)
}

// begin makes a stream without shards of what is said of it.
func (l *loader) begin(c Config) (err error) {
	m := &l.meta
	if m.Shards < 1 && !m.Ended || m.Shards < 0 || m.Shards > 2*maxShards || m.Created < 0 || m.Saved < 0 || m.Next < 0 || m.OpensAfter > uint64(clock.MaxSecond) || m.LastSecond > clock.MaxSecond {
		return damagedf("%d shards, created at %d", m.Shards, m.Created)
	}
	if m.RecordBytes < 1 || m.RecordBytes > MaxRecordBytes {
		return damagedf("records of %d bytes", m.RecordBytes)
	}
	c.Settings = Settings{
		Mode: Mode(m.Mode), Distribution: Distribution(m.Distribution), WarmThroughput: m.Warm,
		Retention: time.Duration(m.Retention), RecordBytes: int(m.RecordBytes),
	}
	c.Shards, c.Hollow = 1, m.Hollow
	// What no limits would allow was never saved; the rest is between it and c.
	if _, err := resolved(m.Name, Config{Settings: c.Settings, Shards: 1, Limits: Unlimited()}, false); err != nil {
		return damagedf("%v", err)
	}
	if l.s, err = loadedStream(m.Name, c, l.in == nil); err != nil {
		return err
	}
	l.now = l.s.created
	l.s.created = m.Created
	l.s.resizes, l.s.switches = m.Resizes, m.Switches
	for _, saved := range m.Consumers {
		_, err := l.s.register(saved.Name, saved.Created)
		if errors.Is(err, ErrInvalidArgument) || errors.Is(err, ErrConsumerExists) {
			return damagedf("consumer %q: %v", saved.Name, err)
		}
		if err != nil {
			return fmt.Errorf("consumer %q: %w", saved.Name, err)
		}
	}
	return nil
}

// shard reads a shard's frame and those of its blocks.
func (l *loader) shard() error {
	var m savedShard
	if err := l.json(frameShard, &m); err != nil {
		return err
	}
	if n := len(l.saved); n > 0 && m.ID <= l.saved[n-1].ID || m.ID >= l.meta.Next || !m.possible() {
		return damagedf("%v is impossible", m.ID)
	}
	kind := l.s.shardKind()
	sh := newShard(kind, identity{created: m.Created, id: m.ID}, m.Keys, m.Parents, m.Opened)
	l.s.countMemory(shardBytes)
	sh.log = shardlog.Log{}
	log, err := shardlog.Restore(&sh.log, kind.log, shardlog.State{
		First: m.First, End: m.End, Bytes: m.Bytes, OpenedMs: m.Opened, LastMs: m.LastMs, Gaps: m.Gaps,
	}, l.skip(&m))
	if err != nil {
		return damagedf("%v: %v", m.ID, err)
	}
	for range m.Segments {
		if err := l.block(log); err != nil {
			return fmt.Errorf("%v: %w", m.ID, err)
		}
	}
	if err := log.Done(); err != nil {
		return damagedf("%v: %v", m.ID, err)
	}
	sh.lastMs = m.LastMs
	sh.batchRecords.Store(m.BatchRecords)
	sh.batchBytes.Store(m.BatchBytes)
	l.shards, l.saved = append(l.shards, sh), append(l.saved, m)
	return nil
}

// loadedStream returns an empty stream whose memory is counted, whether there
// is room for it or not.
func loadedStream(name string, c Config, onDisk bool) (*Stream, error) {
	c, err := resolved(name, c, onDisk)
	if err != nil {
		return nil, err
	}
	s := newStream(name, c)
	s.countMemory(streamBytes)
	return s, nil
}

// skip returns how many indexes of a shard are left out.
func (l *loader) skip(m *savedShard) uint64 {
	if m.Ending != nil {
		return 0 // its last number was given out
	}
	saved := cmp.Or(l.meta.Saved, l.meta.Created) // version 1 does not say when it was
	return lostIndexes + lostIndexesPerMs*uint64(max(0, l.now.Ms()-saved.Ms()))
}

// possible reports whether what is said of a shard can be.
func (m *savedShard) possible() bool {
	return m.ID >= 0 && m.Created < maxCreated && m.Opened >= 0 && m.LastMs >= m.Opened && m.LastMs <= clock.MaxMs && m.Bytes >= 0 &&
		m.First >= 1 && m.First <= m.End && m.End <= closedShardIndex && !m.Keys.End.less(m.Keys.Start) &&
		(m.Segments > 0 || m.First == m.End)
}

// block reads a block of a shard's log.
func (l *loader) block(log *shardlog.Restorer) error {
	content, err := l.frame(frameBlock)
	if err != nil {
		return err
	}
	var head shardlog.BlockHead
	n, err := binary.Decode(content, binary.LittleEndian, &head)
	if err != nil {
		return damagedf("a block has %d bytes", len(content))
	}
	// A copy that is as large as the block: what was read into has room to spare.
	if err := log.Block(head, slices.Clone(content[n:])); err != nil {
		return damagedf("%v", err)
	}
	return nil
}

// finish puts the shards together. Nobody else has the stream yet; reshard is
// held for what wants it held.
func (l *loader) finish() (*Stream, error) {
	s := l.s
	s.reshard.Lock()
	// All shards, so that parents find their children; which are open comes after.
	routes := newRouting(l.shards, nil, l.meta.Next, retired{})
	var open []*shard
	for i, sh := range l.shards {
		ending, err := l.ending(routes, i)
		if err != nil {
			s.reshard.Unlock()
			return nil, err
		}
		if ending == nil {
			open = append(open, sh)
		} else {
			sh.closed = true
			sh.ending.Store(ending)
		}
		if s.full.max > 0 { // as the puts did, of which nothing was counted here
			s.full.held.Add(memoryOf(sh.held()))
			s.full.date(sh)
		}
	}
	for _, sh := range l.shards {
		if err := follows(sh, routes); err != nil {
			s.reshard.Unlock()
			return nil, err
		}
	}
	slices.SortFunc(open, func(a, b *shard) int { return a.keys.Start.Compare(b.keys.Start) })
	s.routes.Store(newRouting(l.shards, open, l.meta.Next, retired{}))
	now := l.now
	// Later than all that the lost run can have opened, and all that is here: the
	// clock may have been set back, and the file been loaded before.
	s.opensAfter = l.meta.OpensAfter
	if l.lost {
		s.opensAfter = max(uint64(max(now.Second(), l.meta.LastSecond)), l.meta.OpensAfter) + lostSeconds
	}
	if s.mode() == OnDemand && !l.meta.Ended {
		if err := l.scale(open); err != nil {
			s.reshard.Unlock()
			return nil, err
		}
	}
	// So that what was loaded does not count for the second of the next put, and
	// numbers of the saved run stay good for ordering.
	s.mark(l.meta.LastSecond)
	s.reshard.Unlock()
	if l.meta.Ended && len(open) > 0 {
		return nil, damagedf("%d shards are open, though writes have ended", len(open))
	}
	if !l.meta.Ended && !plan.Cover(s.routes.Load().planned()) {
		return nil, damagedf("the open shards do not cover all hash keys once")
	}
	s.dropExcess(now) // MaxBytes may be less than it was
	return s, nil
}

// scale begins on-demand mode, or resumes it where a machine was saved. The
// caller holds reshard.
func (l *loader) scale(open []*shard) error {
	m, d := &l.meta, Distribution(l.meta.Distribution)
	if m.Machine == nil {
		l.s.beginScalingLocked(l.now, len(open), m.Warm, d)
		return nil
	}
	routes := l.s.routes.Load()
	if err := m.Machine.Fits(routes.planned(), int64(routes.next)); err != nil {
		return damagedf("on-demand mode: %v", err)
	}
	if err := l.s.resumeScalingLocked(*m.Machine, m.Warm, d); err != nil {
		return damagedf("on-demand mode: %v", err)
	}
	return nil
}

// ending returns the ending of a shard, or nil if it is open.
func (l *loader) ending(routes *routing, i int) (*shardEnding, error) {
	m := &l.saved[i]
	if m.Ending == nil {
		return nil, nil
	}
	e := &shardEnding{index: m.End, closedMs: m.Ending.ClosedMs, second: m.Ending.Second}
	for _, id := range m.Ending.Children {
		child := routes.shard(id)
		if child == nil || id <= m.ID || child.created <= m.Created || !slices.Contains(child.parents, m.ID) {
			return nil, damagedf("%v is not followed by %v", m.ID, id)
		}
		e.children = append(e.children, child)
	}
	if len(e.children) < 1 && !l.meta.Ended || len(e.children) > 2 || e.closedMs < m.LastMs || e.closedMs > clock.MaxMs || e.second >= maxCreated {
		return nil, damagedf("the ending of %v is impossible", m.ID)
	}
	return e, nil
}

// follows checks that the parents of a shard have ended in it, as far as they
// are there.
func follows(sh *shard, routes *routing) error {
	for _, id := range sh.parents {
		parent := routes.shard(id)
		if parent == nil {
			continue
		}
		if e := parent.ending.Load(); e == nil || !slices.Contains(e.children, sh) {
			return damagedf("%v does not follow %v", sh.id, id)
		}
	}
	return nil
}
