package window

// timers are windows by when something is due for them, the earliest first, and
// by key where it is due at one time. Each open window is in it once. When a
// session has become longer, it stays where it was until that time has come.
type timers[A any] []*pane[A]

func (t timers[A]) before(i, j int) bool {
	a, b := t[i], t[j]
	if a.due != b.due {
		return a.due < b.due
	}
	if a.entry.key != b.entry.key {
		return a.entry.key < b.entry.key
	}
	return a.start < b.start
}

// next returns when something is due, never if nothing is.
func (t timers[A]) next() int64 {
	if len(t) == 0 {
		return never
	}
	return t[0].due
}

func (t *timers[A]) push(p *pane[A]) {
	*t = append(*t, p)
	h := *t
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.before(i, up) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (t *timers[A]) pop() *pane[A] {
	h := *t
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], nil
	*t = h[:last]
	t.down(0)
	return first
}

// down moves the one at i to its place below.
func (t timers[A]) down(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(t) && t.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t[i], t[least] = t[least], t[i]
		i = least
	}
}
