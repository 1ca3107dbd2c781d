package account

import "github.com/weirstream/weir"

// Wake makes every [Subscription.Next] that waits look at the clock again. It
// is for callers whose clock jumps; one that runs needs no waking.
func (a *Account) Wake() {
	for _, st := range *a.streams.Load() {
		st.wakeWaiters()
	}
}

// ParseIterator returns the engine's stream and iterator that the text of a
// shard iterator stands for. Whether it has expired is for a read to say.
func (a *Account) ParseIterator(text string) (*weir.Stream, weir.Iterator, error) {
	st, it, err := a.iterator(text, "")
	if err != nil {
		return nil, it, err
	}
	return st.engine, it, nil
}
