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
	spare [][]byte // memory for chunks
	reads int64
}

// New returns the attic of a directory, which keeps up to so many bytes of what
// was read last, but one chunk at least.
func New(dir *journal.Directory, most int64) *Attic { return &Attic{dir: dir, most: most} }

// maxSpare is how many buffers are kept to be read into.
const maxSpare = 2

// A chunk is a piece of a file that was read, and where the runs in it are.
type chunk struct {
	*journal.Chunk
	runs   []run
	memory []byte
	users  int // the list of what is kept among them
}

// chunk returns one that begins at a frame or has it, for the caller to
// release.
func (a *Attic) chunk(file uint64, at int64) (*chunk, error) {
	c, most, buf := a.find(file, at)
	if c != nil {
		return c, nil
	}
	read, buf, err := a.dir.ReadChunk(file, at, most, buf)
	c = &chunk{Chunk: read, memory: buf, users: 1}
	if err == nil {
		err = c.parse()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	if err != nil {
		a.reuse(buf)
		return nil, err
	}
	a.keep(c)
	return c, nil
}

// find returns the chunk that has a frame, if there is one, or else where the
// next one begins, and memory to read into.
func (a *Attic) find(file uint64, at int64) (found *chunk, most int64, buf []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	most = math.MaxInt64
	for i, c := range a.kept {
		switch {
		case c.File != file:
		case c.At <= at && at < c.To:
			a.kept = append(slices.Delete(a.kept, i, i+1), c)
			c.users++
			return c, 0, nil
		case c.At > at:
			most = min(most, c.At)
		}
	}
	if n := len(a.spare); n > 0 {
		buf, a.spare = a.spare[n-1], a.spare[:n-1]
	}
	return nil, most, buf
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

// release ends the use of a chunk.
func (a *Attic) release(c *chunk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(c)
}

// drop is release for who holds mu.
func (a *Attic) drop(c *chunk) {
	if c.users--; c.users == 0 {
		a.reuse(c.memory)
	}
}

// reuse keeps memory to be read into. The caller holds mu.
func (a *Attic) reuse(buf []byte) {
	const most = 2 << 20
	if cap(buf) > 0 && cap(buf) <= most && len(a.spare) < maxSpare {
		a.spare = append(a.spare, buf[:0])
	}
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

// parse finds the runs of a chunk.
func (c *chunk) parse() error {
	for _, g := range c.Groups {
		for in := notes.NewReader(g.Notes); ; {
			n, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && (n.Kind == notes.KindRun || n.Kind == notes.KindCopies) {
				c.runs = append(c.runs, run{
					shard: n.Shard, index: n.Index, ms: n.Ms, frame: g.At, count: int32(n.Count),
					copies: n.Kind == notes.KindCopies, rest: in.Rest(),
				})
				err = in.Skip(&n)
			}
			if err != nil {
				return journal.DamageAt(c.File, g.At, fmt.Sprint(err))
			}
		}
	}
	return nil
}
