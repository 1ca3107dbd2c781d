package cold

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/shardlog"
)

// An Attic is the files of a stream, and what was read of them last. It may be
// used by any number of goroutines at a time.
type Attic struct {
	// Explain makes of why something cannot be read what readers are told. It is
	// set before there are any.
	Explain func(error) error

	dir  *journal.Directory
	most int64 // bytes that are kept; one chunk at least

	mu    sync.Mutex
	kept  []*chunk // the one that was used last comes last
	bytes int64    // of what is kept
	spare []tables
	reads int64
}

// New returns the attic of a directory, which keeps up to so many bytes of what
// was read last, but one chunk at least.
func New(dir *journal.Directory, most int64) *Attic { return &Attic{dir: dir, most: most} }

const (
	// maxSpare is how many tables of chunks are kept to be used again, and the
	// memory with them that was read into.
	maxSpare = 2
	// maxSpareBytes is how large a piece of a file may be for that.
	maxSpareBytes = 2 << 20
	// maxViewBytes is how large a piece of a file may be that there are views of,
	// which keep all of it. A block in memory is as large.
	maxViewBytes = 1 << 20
	// thin is how many times its own bytes a block may keep of the files. A block
	// of each log is a 32nd of the memory, see [BlockBytes]: readers of all, each
	// at a place of its own, keep about as much again.
	thin = 32
)

// A chunk is a piece of a file that was read, and where the runs in it are.
type chunk struct {
	*journal.Chunk
	tables
	users  int  // the list of what is kept among them
	viewed bool // somebody has views of the memory
}

// The tables of a chunk are what was found in it, and memory to read into.
type tables struct {
	memory  []byte // nil where it is somebody else's too
	runs    []run
	records []record
}

// A record is where a record of a run lies in a chunk's memory.
type record struct {
	at, size uint32
	keyLen   uint16
}

// chunk returns one that begins at a frame or has it, for the caller to
// release.
func (a *Attic) chunk(file uint64, at int64) (*chunk, error) {
	c, most := a.find(file, at)
	if c.Chunk != nil {
		return c, nil
	}
	var err error
	c.Chunk, err = a.dir.ReadChunk(file, at, most, c.alloc)
	if err == nil {
		err = c.parse()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	if err != nil {
		a.drop(c)
		return nil, err
	}
	a.keep(c)
	return c, nil
}

// find returns the chunk that has a frame, or if there is none one that is to
// be read, as far as to where another one begins.
func (a *Attic) find(file uint64, at int64) (c *chunk, most int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	most = math.MaxInt64
	for i, c := range a.kept {
		switch {
		case c.File != file:
		case c.At <= at && at < c.To:
			a.kept = append(slices.Delete(a.kept, i, i+1), c)
			c.users++
			return c, 0
		case c.At > at:
			most = min(most, c.At)
		}
	}
	c = &chunk{users: 1}
	if n := len(a.spare); n > 0 {
		c.tables, a.spare = a.spare[n-1], a.spare[:n-1]
	}
	return c, most
}

// alloc returns n bytes to read into.
func (c *chunk) alloc(n int) []byte {
	// Not more than a piece may have that there are views of, if that is enough.
	if n > cap(c.memory) || n <= maxViewBytes && cap(c.memory) > maxViewBytes {
		c.memory = shardlog.NewArena(n + 1)
	}
	return c.memory[:n]
}

// keep keeps a chunk, and lets go of others for it. The caller holds mu.
func (a *Attic) keep(c *chunk) {
	c.users++
	a.kept = append(a.kept, c)
	a.bytes += int64(cap(c.memory))
	for a.bytes > a.most && len(a.kept) > 1 {
		old := a.kept[0]
		a.kept = slices.Delete(a.kept, 0, 1)
		a.bytes -= int64(cap(old.memory))
		a.drop(old)
	}
}

// release ends the use of a chunk, of which there are views from now on if that
// is said.
func (a *Attic) release(c *chunk, viewed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.viewed = c.viewed || viewed
	a.drop(c)
}

// drop ends the use of a chunk. The caller holds mu.
func (a *Attic) drop(c *chunk) {
	if c.users--; c.users > 0 || cap(c.memory) > maxSpareBytes || len(a.spare) == maxSpare {
		return
	}
	t := tables{memory: c.memory, runs: c.runs[:0], records: c.records[:0]}
	if c.viewed {
		t.memory = nil
	}
	a.spare = append(a.spare, t)
}

// Reads returns how many pieces of files were read so far.
func (a *Attic) Reads() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reads
}

// Bytes returns how many bytes are kept of what was read.
func (a *Attic) Bytes() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// parse finds the runs of a chunk, and their records.
func (c *chunk) parse() error {
	for _, g := range c.Groups {
		if err := c.parseGroup(g); err != nil {
			return journal.DamageAt(c.File, g.At, fmt.Sprint(err))
		}
	}
	return nil
}

func (c *chunk) parseGroup(g journal.Noted) error {
	end := g.From + len(g.Notes)
	for in := notes.NewReader(g.Notes); ; {
		n, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n.Kind != notes.KindRun && n.Kind != notes.KindCopies {
			continue
		}
		r := run{
			shard: n.Shard, index: n.Index, ms: n.Ms, frame: g.At, count: int32(n.Count), copies: n.Kind == notes.KindCopies,
			first: int32(len(c.records)),
		}
		for left := r.noted(); left > 0; left-- {
			key, data, err := in.Record()
			if err != nil {
				return err
			}
			size := len(key) + len(data)
			if len(key) > math.MaxUint16 {
				return errors.New("a key is impossible")
			}
			c.records = append(c.records, record{uint32(end - len(in.Rest()) - size), uint32(size), uint16(len(key))})
		}
		c.runs = append(c.runs, r)
	}
}
