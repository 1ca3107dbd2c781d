package cold

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

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

	dir    *journal.Directory
	cache  *cache
	copies bool // of records, and no views of what is read
	reads  atomic.Int64
	closed bool // nothing is kept any more; guarded by cache.mu
}

// New returns the attic of a directory, which keeps up to so many bytes of what
// was read last, but one chunk at least.
func New(dir *journal.Directory, most int64) *Attic {
	return &Attic{dir: dir, cache: &cache{most: most}}
}

// A cache is what was read last of the files of one attic or several.
type cache struct {
	most int64 // bytes that are kept; one chunk at least
	gate *gate // of those who read; nil for none

	mu    sync.Mutex // guards what follows
	kept  []*chunk   // the one that was used last comes last
	bytes int64      // of what is kept
	spare []tables
}

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
	of     *Attic
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
	k := a.cache
	c, most := k.find(a, file, at)
	if c.Chunk != nil {
		return c, nil
	}
	reading := int64(0)
	defer func() { k.gate.leave(reading) }()
	var err error
	c.Chunk, err = a.dir.ReadChunk(file, at, most, func(n int) []byte {
		k.gate.leave(reading)
		reading = k.gate.enter(int64(n))
		return c.alloc(n)
	})
	if err == nil {
		err = c.parse()
	}
	a.reads.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.drop(c)
		return nil, err
	}
	k.keep(c)
	return c, nil
}

// find returns the chunk of an attic that has a frame, or if there is none one
// that is to be read, as far as to where another one begins.
func (k *cache) find(of *Attic, file uint64, at int64) (c *chunk, most int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	most = math.MaxInt64
	for i, c := range k.kept {
		switch {
		case c.of != of || c.File != file:
		case c.At <= at && at < c.To:
			k.kept = append(slices.Delete(k.kept, i, i+1), c)
			c.users++
			return c, 0
		case c.At > at:
			most = min(most, c.At)
		}
	}
	c = &chunk{of: of, users: 1}
	if n := len(k.spare); n > 0 {
		c.tables, k.spare = k.spare[n-1], k.spare[:n-1]
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
func (k *cache) keep(c *chunk) {
	if c.of.closed {
		return
	}
	c.users++
	k.kept = append(k.kept, c)
	k.bytes += int64(cap(c.memory))
	for k.bytes > k.most && len(k.kept) > 1 {
		k.forget(0)
	}
}

// forget lets go of one that is kept. The caller holds mu.
func (k *cache) forget(i int) {
	old := k.kept[i]
	k.kept = slices.Delete(k.kept, i, i+1)
	k.bytes -= int64(cap(old.memory))
	k.drop(old)
}

// release ends the use of a chunk, of which there are views from now on if that
// is said.
func (k *cache) release(c *chunk, viewed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.viewed = c.viewed || viewed
	k.drop(c)
}

// drop ends the use of a chunk. The caller holds mu.
func (k *cache) drop(c *chunk) {
	if c.users--; c.users > 0 || cap(c.memory) > maxSpareBytes || len(k.spare) == maxSpare {
		return
	}
	t := tables{memory: c.memory, runs: c.runs[:0], records: c.records[:0]}
	if c.viewed {
		t.memory = nil
	}
	k.spare = append(k.spare, t)
}

// Reads returns how many pieces of files were read so far.
func (a *Attic) Reads() int64 { return a.reads.Load() }

// Bytes returns how many bytes are kept of what was read, of other attics too
// where these share a [Budget].
func (a *Attic) Bytes() int64 {
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	return a.cache.bytes
}

// leave gives back what is kept in a cache that others use too.
func (a *Attic) leave() {
	k := a.cache
	k.mu.Lock()
	defer k.mu.Unlock()
	a.closed = true
	for i := len(k.kept) - 1; i >= 0; i-- {
		if k.kept[i].of == a {
			k.forget(i)
		}
	}
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
