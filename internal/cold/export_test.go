package cold

// Forget lets go of all that was read.
func (a *Attic) Forget() {
	k := a.cache
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.kept) > 0 {
		k.forget(0)
	}
}

// LevelOf is levelOf for those who hold so many bytes.
func LevelOf(need int64, held ...int64) int64 {
	var list []holder
	for _, n := range held {
		list = append(list, holder{bytes: n})
	}
	return levelOf(list, need)
}

// BlockBytesNow returns how large a block may be now.
func (b *Budget) BlockBytesNow() int64 { return b.blockBytes() }

// Reading lets somebody read into n bytes when it is their turn.
func (b *Budget) Reading(n int64) (done func()) {
	n = b.cache.gate.enter(n)
	return func() { b.cache.gate.leave(n) }
}
