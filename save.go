package weir

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"slices"

	"github.com/weirstream/weir/internal/shardlog"
)

// A saved stream is savedMagic and then frames: one of the stream, one of each
// shard followed by one of each of its log's blocks, and an end. A frame is its
// kind, its length, its content and a checksum. Version 1 knew no gaps, and did
// not say when the stream was saved.
const (
	savedMagic  = "weir stream 2\n"
	savedMagic1 = "weir stream 1\n"
)

type frameKind byte

const (
	frameStream  frameKind = 's' // savedStream as JSON
	frameShard   frameKind = 'h' // savedShard as JSON
	frameSegment frameKind = 'g' // shardlog.BlockHead, data unless hollow, headers
	frameEnd     frameKind = 'e' // empty
)

// savedStream is what is saved of a stream beside its shards.
type savedStream struct {
	Name         string
	Created      instant
	Retention    int64
	RecordBytes  int64
	Mode         int32 // a Mode
	Distribution int32 // a Distribution
	Warm         int
	Next         ShardID
	Resizes      []instant       `json:",omitempty"`
	Switches     []instant       `json:",omitempty"`
	Consumers    []savedConsumer `json:",omitempty"`
	Hollow       bool            `json:",omitempty"` // segments have headers only
	Shards       int
	LastSecond   int64 `json:",omitempty"` // the latest in which something was put

	Saved      instant `json:",omitempty"`
	OpensAfter uint64  `json:",omitempty"` // the second that shards count as created after
}

type savedConsumer struct {
	Name    string
	Created instant
}

// savedShard is what is saved of a shard beside its segments.
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
	Segments     int            // blocks
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
	meta     savedShard
	segments []shardlog.SavedBlock
}

// Save writes the stream with all its records to w, in a form that [LoadStream]
// reads: shards and their lineage, sequence numbers, arrival times, settings
// that can be changed while running, and registered consumers. It holds up
// nobody for long: each shard is written as it was at one moment during the
// call, and puts go on meanwhile. What is given out after that, numbers and
// positions, is lost with the stream: the one that is loaded refuses it.
func (s *Stream) Save(w io.Writer) error {
	meta, shards := s.hold()
	out := bufio.NewWriterSize(w, 1<<16)
	if _, err := out.WriteString(savedMagic); err != nil {
		return err
	}
	if err := writeJSON(out, frameStream, meta); err != nil {
		return err
	}
	for _, sh := range shards {
		if err := sh.write(out); err != nil {
			return err
		}
	}
	if err := writeFrame(out, frameEnd); err != nil {
		return err
	}
	return out.Flush()
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
		Saved: now, OpensAfter: s.opensAfter,
		Hollow: s.config.Hollow, Next: s.routes.Load().next, Resizes: slices.Clone(s.resizes), Switches: slices.Clone(s.switches),
	}
	for _, c := range s.Consumers() {
		meta.Consumers = append(meta.Consumers, savedConsumer{c.Name, instant(c.CreatedAt.UnixNano())})
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
	held := heldShard{segments: sh.log.Blocks(), meta: savedShard{
		ID: sh.shard, Created: sh.created, Keys: sh.keys, Parents: sh.parents, Opened: sh.opened, LastMs: sh.lastMs,
		First: state.First, End: state.End, Bytes: state.Bytes,
		BatchRecords: in.BatchRecords, BatchBytes: in.BatchBytes, Gaps: state.Gaps,
	}}
	held.meta.Segments = len(held.segments)
	if e := sh.ending.Load(); e != nil {
		held.meta.Ending = &savedEnding{ClosedMs: e.closedMs, Second: e.second}
		for _, child := range e.children {
			held.meta.Ending.Children = append(held.meta.Ending.Children, child.shard)
		}
	}
	return held
}

// write writes the frames of a shard.
func (sh heldShard) write(w io.Writer) error {
	if err := writeJSON(w, frameShard, sh.meta); err != nil {
		return err
	}
	for _, g := range sh.segments {
		head, err := binary.Append(nil, binary.LittleEndian, g.BlockHead)
		if err != nil {
			return err
		}
		if err := writeFrame(w, frameSegment, head, g.Data, g.Headers); err != nil {
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
