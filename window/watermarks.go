package window

import "sync"

// watermarks are those of the shards that a worker has, so that idle ones can
// follow the others. Its methods may be called by any number of goroutines at a
// time.
type watermarks struct {
	mu     sync.Mutex // guards what follows
	shards map[shardName]mark
	least  int64 // as it was last, when there was a shard that was not idle
}

type mark struct {
	at   int64
	idle bool
}

func newWatermarks() *watermarks {
	return &watermarks{shards: make(map[shardName]mark), least: earliest}
}

// set notes where a shard is, and whether it is idle.
func (w *watermarks) set(s shardName, at int64, idle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shards[s] = mark{at, idle}
}

// remove forgets a shard.
func (w *watermarks) remove(s shardName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.shards, s)
}

// combined returns the least watermark of the shards that are not idle. It never
// goes back, and stays where it is while all are idle.
func (w *watermarks) combined() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	least, some := int64(never), false
	for _, m := range w.shards {
		if !m.idle {
			least, some = min(least, m.at), true
		}
	}
	if some && least > w.least {
		w.least = least
	}
	return w.least
}
