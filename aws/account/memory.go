package account

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/cold"
)

// A Memory is a bound of bytes that accounts share: of records, by blocks, and
// of accounts, streams, shards, consumers, queues, tags and all else that operations
// leave behind. [Config.Memory] says what happens when it is full. What expires
// or is deleted gives room back. It counts a little more than all this takes,
// but not what the garbage collector needs besides, nor requests under way. Its
// methods may be called by any number of goroutines at a time.
//
// Where Config.Stream.WhenFull is [weir.Spill], a full Memory has the oldest
// records of the streams leave it that hold most of it, for the disk, and is full
// only if that is not enough.
type Memory struct {
	most   int64
	held   atomic.Int64
	budget *cold.Budget // of streams whose records can leave memory

	mu       sync.Mutex // guards accounts; taken before an Account's
	accounts map[*Account]struct{}

	trimmed atomic.Int64 // when what had expired was given back last, Unix nanoseconds
}

// NewMemory returns a bound of so many bytes. Less than 1 is full from the
// beginning.
func NewMemory(bytes int64) *Memory {
	m := &Memory{most: bytes, accounts: make(map[*Account]struct{})}
	m.budget = cold.NewBudget(bytes, m.held.Load, func(n int64) { m.held.Add(n) })
	return m
}

// Most returns the bound in bytes.
func (m *Memory) Most() int64 { return m.most }

// Held returns how many bytes are counted now. That may be somewhat more than
// the bound: state that is loaded counts whether there is room or not, and
// requests that came together may all have found the last room.
func (m *Memory) Held() int64 { return m.held.Load() }

func (m *Memory) isFull() bool { return m.held.Load() >= m.most }

// take counts n bytes unless these are too many.
func (m *Memory) take(n int64) bool {
	if m.held.Add(n) <= m.most {
		return true
	}
	m.held.Add(-n)
	return false
}

// trimEvery is how long what has expired may lie where the memory is short, for
// a put gives back only what expired in its own shard.
const trimEvery = time.Second

// trim gives back what has expired, and what is to be deleted by now, in all
// accounts, unless that was done within a second. The caller holds no lock.
func (m *Memory) trim(now time.Time) {
	last, ns := m.trimmed.Load(), now.UnixNano()
	if since := time.Duration(ns - last); last != 0 && since > -trimEvery && since < trimEvery || !m.trimmed.CompareAndSwap(last, ns) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for a := range m.accounts {
		a.trim()
	}
}

// trim gives back what has expired, and what is to be deleted by now, unless an
// operation on settings is under way: it may wait for the disk, and a put asks
// for this.
func (a *Account) trim() {
	if a.mu.TryLock() {
		c := &control{a: a, now: a.config.Now()}
		c.settleChannels()
		c.settleQueues()
		for range c.everyStream() { // each is settled by that
		}
		a.noteLocked()
		a.mu.Unlock()
	}
	for _, st := range *a.streams.Load() {
		st.engine.Trim()
	}
}

func (m *Memory) join(a *Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts[a] = struct{}{}
}

func (m *Memory) leave(a *Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accounts, a)
}

// A share is what one stream, or an account beside its streams, has of a
// Memory. It is the engine's [weir.Config.Memory].
type share struct {
	of  *Memory
	now func() time.Time

	mu    sync.Mutex // guards what follows; a leaf
	held  int64
	ended bool // nothing is counted any more
}

// newShare returns a share of nothing yet; nil without a Memory.
func (c Config) newShare() *share {
	if c.Memory == nil {
		return nil
	}
	return &share{of: c.Memory, now: c.Now}
}

// Full reports whether the memory is full though what has expired is given
// back. The caller holds no lock.
func (s *share) Full() bool {
	if s == nil || !s.of.isFull() {
		return false
	}
	s.of.trim(s.now())
	return s.of.isFull()
}

// Budget returns what the streams share whose records can leave memory.
func (s *share) Budget() *cold.Budget { return s.of.budget }

// Take counts n bytes unless these are too many.
func (s *share) Take(n int64) bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return true
	}
	if !s.of.take(n) {
		return false
	}
	s.held += n
	return true
}

// Count counts n bytes, or gives them back if n is negative.
func (s *share) Count(n int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.held += n
		s.of.held.Add(n)
	}
}

// end gives back all that was counted.
func (s *share) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.held.Add(-s.held)
	s.held, s.ended = 0, true
}

// What things count for: what they take, and something more for the lists and
// maps that they are in.
const (
	accountBytes  = 8 << 10
	settingsBytes = 2 << 10 // of a stream, a channel or a consumer
	entryBytes    = 64      // of a map's entry, beside its texts
	shardBytes    = 2 << 10 // as the engine counts one
)

// growing are the operations that leave more behind than there was. They are
// refused while the memory is full; all others go on.
var growing = map[string]bool{
	"AddTagsToStream": true, "CreateChannel": true, "CreateQueue": true, "CreateStream": true, "EnableEnhancedMonitoring": true,
	"MergeShards": true, "PutResourcePolicy": true, "RegisterStreamConsumer": true, "SplitShard": true,
	"StartStreamEncryption": true, "StopStreamEncryption": true, "TagResource": true, "UpdateChannel": true,
	"UpdateShardCount": true, "UpdateStreamWarmThroughput": true,
}

// checkMemory refuses an operation that would leave more behind than there is
// room for. The caller holds no lock.
func (a *Account) checkMemory(op string) error {
	m := a.config.Memory
	if m == nil || !growing[op] {
		return nil
	}
	if m.Held() > m.most/2 { // or what has expired may take the room that is asked for next
		m.trim(a.config.Now())
	}
	if m.isFull() {
		return a.memoryFull()
	}
	return nil
}

func (a *Account) memoryFull() error {
	return errorf(CodeLimitExceeded, msgMemoryLimit, a.config.Memory.Held(), a.config.Memory.most)
}

// reserve counts the shards that a change will make until it is carried out, or
// says that there is no room for them.
func (st *stream) reserve(shards int) error {
	bytes := int64(shards) * shardBytes
	if !st.memory.Take(bytes) {
		return st.a.memoryFull()
	}
	st.reserved += bytes
	return nil
}

// unreserve gives back what was reserved: the engine has counted its shards.
func (st *stream) unreserve() {
	st.memory.Count(-st.reserved)
	st.reserved = 0
}

// recountLocked counts what a stream has beside its engine's, after an
// operation on it.
func (st *stream) recountLocked() {
	if st.memory == nil {
		return
	}
	n := int64(settingsBytes + 2*len(st.name) + len(st.policy) + entryBytes*len(st.suffixes))
	n += tagBytes(st.tags)
	for _, cons := range st.consumers {
		n += int64(settingsBytes+2*len(cons.arn)+len(cons.policy)) + tagBytes(cons.tags)
	}
	if e := st.encryption.Load(); e != nil {
		for _, turn := range e.Turns {
			n += entryBytes * int64(1+len(turn.After))
		}
	}
	for _, ch := range st.a.channels {
		if ch.st == st {
			n += int64(2*settingsBytes+len(ch.role)) + tagBytes(ch.tags)
		}
	}
	for _, q := range *st.a.queues.Load() {
		if q.st == st {
			n += int64(2*settingsBytes+2*len(q.arn)+len(q.policy)) + tagBytes(q.tags)
		}
	}
	if st.a.disk != nil {
		n *= 2 // it is held as it is on disk, too
	}
	st.memory.Count(n - st.counted)
	st.counted = n
}

func tagBytes(tags map[string]string) (n int64) {
	for key, value := range tags {
		n += int64(entryBytes + len(key) + len(value))
	}
	return n
}

// IsEmpty reports whether the account is as a new one would be: it has no
// streams, remembers none that were just deleted, and On-demand Advantage is
// off.
func (a *Account) IsEmpty() bool {
	c := &control{a: a, now: a.config.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	for range c.everyStream() {
		return false
	}
	c.settleChannels()
	a.deleted.forget(c.now)
	return len(a.channels) == 0 && len(a.deleted.after) == 0 && !a.commitment.EverOn
}

// Discard gives back what the account and its streams count for in
// [Config.Memory], closes an account on disk as [Account.Close] does, and removes
// what is there of one that has nothing to keep. It is for who lets go of the
// account, which must not be used any more.
func (a *Account) Discard() {
	if a.disk != nil {
		a.discardDisk()
	}
	if a.config.Memory == nil {
		return
	}
	a.config.Memory.leave(a)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, st := range *a.streams.Load() {
		st.memory.end()
	}
	a.memory.end()
}
