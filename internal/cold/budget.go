package cold

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// A Budget is memory that several streams share whose records can leave it. It
// says how large their blocks are, keeps what was read of all their files last,
// and picks who gives way when it is full. Its methods may be called by any
// number of goroutines at a time.
type Budget struct {
	most  int64
	held  func() int64 // all that is counted
	count func(bytes int64)
	cache cache
	logs  atomic.Int64 // of all shares

	mu      sync.Mutex // guards what follows; a leaf
	entered int        // shares that have not left
	shares  map[*Share]struct{}

	relieving sync.Mutex // one at a time; taken before a stream's locks
	futile    int        // how often more it is not worth to look; guarded by relieving
}

const (
	// What streams that share a budget have of it: a block of each log is together
	// a 32nd, and no larger than what one reader may hold of the files.
	leastBlock, mostBlock = 4 << 10, 256 << 10
	logsPart              = 32
	// spareShare is how much is made free at once.
	spareShare = 16
	// readPart is how much may be read into at a time.
	readPart, leastRead = 16, 1 << 20
	// futileCalls are not worth another look when one has made no room: what may
	// leave memory then is what gets to the disk meanwhile.
	futileCalls = 16
)

// NewBudget returns a budget of so many bytes. held says how many are counted,
// and count counts what may be kept of the files, as long as there are shares.
func NewBudget(most int64, held func() int64, count func(bytes int64)) *Budget {
	b := &Budget{most: most, held: held, count: count, shares: make(map[*Share]struct{})}
	b.cache.most, b.cache.gate = KeptBytes(max(1, most)), newGate(max(leastRead, most/readPart))
	return b
}

// enter counts shares.
func (b *Budget) enter(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entered == 0 {
		b.count(b.cache.most)
	}
	if b.entered += n; b.entered == 0 {
		b.count(-b.cache.most)
	}
}

// blockBytes returns how large a block may be.
func (b *Budget) blockBytes() int64 {
	return min(mostBlock, max(leastBlock, b.most/(logsPart*max(1, b.logs.Load()))))
}

// A Bound is memory that streams share.
type Bound interface {
	Full() bool
	Take(bytes int64) bool
	Count(bytes int64)
}

// A Share is what one stream has of a budget. It is a stream's memory. The nil
// Share is that of a stream that shares none; its methods do nothing.
type Share struct {
	Bound
	of    *Budget
	held  atomic.Int64 // of blocks
	logs  int64        // guarded by Budget.mu, as the rest
	spill func(enough func() bool) bool
	attic *Attic
	left  bool
}

// Enter returns what a stream's memory is: its share, until it leaves, if what
// it was given belongs to a budget, else what it was given.
func Enter(m Bound) Bound {
	if of, ok := m.(interface{ Budget() *Budget }); ok && of.Budget() != nil {
		of.Budget().enter(1)
		return &Share{Bound: m, of: of.Budget()}
	}
	return m
}

// ShareOf returns the share that a stream's memory is, or nil.
func ShareOf(m Bound) *Share {
	s, _ := m.(*Share)
	return s
}

// Given returns what Enter was given.
func Given(m Bound) Bound {
	if s := ShareOf(m); s != nil {
		return s.Bound
	}
	return m
}

// BlocksOf returns what counts the blocks of a stream's logs.
func BlocksOf(m Bound) shardlog.Memory {
	if s := ShareOf(m); s != nil {
		return blocks{s}
	}
	if m == nil {
		return nil
	}
	return m
}

// Replayed returns what keeps blocks small that are filled from the files, and
// counts nothing; nil for a stream that shares no budget.
func Replayed(m Bound) shardlog.Memory {
	if s := ShareOf(m); s != nil {
		return replayed{s.of}
	}
	return nil
}

// Full reports whether the memory is full though records have left it.
func (s *Share) Full() bool {
	if !s.Bound.Full() {
		return false
	}
	s.of.relieve()
	return s.Bound.Full()
}

// Attic returns the attic of the stream's directory, with the cache of the
// budget, or for the nil Share with one of its own for logs that have so much
// memory.
func (s *Share) Attic(dir *journal.Directory, memory int64) *Attic {
	if s == nil {
		return New(dir, KeptBytes(memory))
	}
	a := &Attic{dir: dir, cache: &s.of.cache, copies: true}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.attic = a
	return a
}

// BlockBytes returns how large the blocks of the stream's logs are at most; for
// the nil Share those of so many that have so much memory.
func (s *Share) BlockBytes(memory int64, logs int) int {
	if s == nil {
		return BlockBytes(memory, logs)
	}
	return mostBlock
}

// SetLogs says how many logs the stream has.
func (s *Share) SetLogs(n int) {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.logs.Add(int64(n) - s.logs)
	s.logs = int64(n)
}

// Join says that records of the stream can leave memory from now on, the oldest
// first, with spill, until enough says so.
func (s *Share) Join(spill func(enough func() bool) bool) {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	s.spill = spill
	s.of.shares[s] = struct{}{}
	s.of.mu.Unlock()
	s.Full() // what was read of it was counted whether there was room or not
}

// Leave ends the share: the stream is closed. What it holds stays counted.
func (s *Share) Leave() {
	if s == nil {
		return
	}
	s.SetLogs(0)
	s.of.mu.Lock()
	delete(s.of.shares, s)
	attic, left := s.attic, s.left
	s.left = true
	s.of.mu.Unlock()
	if attic != nil {
		attic.leave()
	}
	if !left {
		s.of.enter(-1)
	}
}

// blocks are what a share counts of blocks.
type blocks struct{ of *Share }

// Take counts a block of so many bytes, unless that is larger than one may be
// or there is no room for it.
func (b blocks) Take(bytes int64) bool {
	if bytes > b.of.of.blockBytes()+leastBlock || !b.of.Bound.Take(bytes) {
		return false
	}
	b.of.held.Add(bytes)
	return true
}

// Count counts what is taken in any case, or given back if bytes is negative.
func (b blocks) Count(bytes int64) {
	b.of.held.Add(bytes)
	b.of.Bound.Count(bytes)
}

// replayed is what [Replayed] returns.
type replayed struct{ of *Budget }

func (r replayed) Take(bytes int64) bool { return bytes <= r.of.blockBytes()+leastBlock }
func (r replayed) Count(int64)           {}

// relieve lets records leave memory until a 16th of it is free, if it is full.
// Those streams give way that hold most, down to what all of these may hold
// alike; if that is not enough, all that can. The caller holds no lock.
func (b *Budget) relieve() {
	b.relieving.Lock()
	defer b.relieving.Unlock()
	want := b.most - b.most/spareShare
	if b.held() < b.most {
		return // somebody has done it meanwhile
	}
	if b.futile > 0 {
		b.futile--
		return
	}
	list := b.byHeld()
	level := levelOf(list, b.held()-want)
	for _, h := range list {
		if h.bytes <= level {
			break
		}
		h.share.spill(func() bool { return h.share.held.Load() <= level || b.held() <= want })
	}
	for _, h := range list {
		if b.held() <= want {
			return
		}
		h.share.spill(func() bool { return b.held() <= want })
	}
	if b.held() >= b.most {
		b.futile = futileCalls
	}
}

// A holder is a share and what it holds.
type holder struct {
	share *Share
	bytes int64
}

// byHeld returns the shares, the one that holds most first.
func (b *Budget) byHeld() (list []holder) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.shares {
		list = append(list, holder{s, s.held.Load()})
	}
	slices.SortFunc(list, func(x, y holder) int { return cmp.Compare(y.bytes, x.bytes) })
	return list
}

// levelOf returns down to what those are to come that hold more, so that need
// bytes are given back.
func levelOf(list []holder, need int64) int64 {
	above := int64(0) // what the first few hold together
	for i, h := range list {
		above += h.bytes
		next := int64(0)
		if i+1 < len(list) {
			next = list[i+1].bytes
		}
		if n := int64(i + 1); above-n*next >= need {
			return (above - need) / n
		}
	}
	return 0
}

// A gate lets in those who read as long as they read so many bytes together,
// but one in any case. They come in one after the other. A nil gate is open.
type gate struct {
	most int64
	line wait.Queue
	gone wait.List // woken when somebody leaves

	mu     sync.Mutex
	inside int64
}

func newGate(most int64) *gate { return &gate{most: most} }

// enter waits until n bytes may be read into, and returns them.
func (g *gate) enter(n int64) int64 {
	if g == nil {
		return 0
	}
	turn := make(chan *wait.Ticket, 1)
	t := g.line.Enter(turn)
	defer g.line.Leave(t)
	<-turn
	for {
		gone := g.gone.Enter()
		if g.take(n) {
			return n
		}
		<-gone
	}
}

func (g *gate) take(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside > 0 && g.inside+n > g.most {
		return false
	}
	g.inside += n
	return true
}

// leave gives back what enter returned.
func (g *gate) leave(n int64) {
	if g == nil || n == 0 {
		return
	}
	g.mu.Lock()
	g.inside -= n
	g.mu.Unlock()
	g.gone.Wake()
}
