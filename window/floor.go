package window

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir"
)

// A floor is a watermark that keys of a range had in a parent of the shard, and
// that is later than the shard's own. For these keys it holds until the shard's
// has come so far: what was late for them is not in time again because the
// other parent of a merge was behind.
type floor struct {
	keys      weir.HashKeyRange
	watermark int64
}

// floorOf returns the greatest floor of a key: that of an entry, or of the record
// that is being taken.
func (m *machine[V, A, R]) floorOf(e *entry[A]) int64 {
	var hash weir.HashKey
	switch {
	case e != nil:
		hash = e.hashKey()
	case m.plan.hashKey != nil:
		hash = m.plan.hashKey(m.record)
	default:
		hash = weir.HashPartitionKey(m.record.PartitionKey)
	}
	at := int64(earliest)
	for _, f := range m.floors {
		if f.keys.Contains(hash) {
			at = max(at, f.watermark)
		}
	}
	return at
}

// dropFloors forgets floors that the watermark has reached.
func (m *machine[V, A, R]) dropFloors() {
	m.floors = slices.DeleteFunc(m.floors, func(f floor) bool { return f.watermark <= m.watermark })
}

func (e *entry[A]) hashKey() weir.HashKey {
	if e.hash != nil {
		return *e.hash
	}
	return weir.HashPartitionKey(e.partition)
}

// A heritage is what a parent left to its children.
type heritage[V, A, R any] struct {
	keys  weir.HashKeyRange // of the parent
	state *machine[V, A, R]
}

// inherit takes from parents that have been read to their end what is of a
// shard's keys. The watermark begins at the least of theirs.
func (m *machine[V, A, R]) inherit(keys weir.HashKeyRange, parents []heritage[V, A, R]) {
	for i, p := range parents {
		if i == 0 || p.state.watermark < m.watermark {
			m.watermark = p.state.watermark
		}
	}
	for _, p := range parents {
		for _, f := range append(p.state.floors, floor{p.keys, p.state.watermark}) {
			if shared, some := intersect(f.keys, keys); some && f.watermark > m.watermark {
				m.floors = append(m.floors, floor{shared, f.watermark})
			}
		}
	}
	if m.newest = earliest; m.watermark > earliest {
		m.newest = m.watermark + m.plan.bound + 1
	}
	for _, p := range parents {
		for _, key := range sortedKeys(p.state.entries) {
			if e := p.state.entries[key]; keys.Contains(within(p.keys, e.hashKey())) {
				m.adopt(e)
			}
		}
	}
	m.open = 0
	for _, e := range m.entries {
		for _, p := range e.panes {
			m.open++
			m.schedule(p)
		}
	}
}

// within returns the hash key by which a record is told to be in one child or
// the other. One whose hash key is not its parent's was put with an explicit one
// that nobody knows: it goes where the parent began.
func within(parent weir.HashKeyRange, hash weir.HashKey) weir.HashKey {
	if parent.Contains(hash) {
		return hash
	}
	return parent.Start
}

func intersect(a, b weir.HashKeyRange) (weir.HashKeyRange, bool) {
	if a.Start.Compare(b.Start) < 0 {
		a.Start = b.Start
	}
	if b.End.Compare(a.End) < 0 {
		a.End = b.End
	}
	return a, a.Start.Compare(a.End) <= 0
}

// adopt takes the windows of a key from a parent. Where both parents had windows
// of it, because its records were in both, they are merged if they can be, and
// stand side by side if not.
func (m *machine[V, A, R]) adopt(e *entry[A]) {
	have := m.entries[e.key]
	if have == nil {
		m.entries[e.key] = e
		return
	}
	for _, p := range e.panes {
		p.entry = have
		twin := slices.IndexFunc(have.panes, func(q *pane[A]) bool { return q.start == p.start && q.end == p.end })
		overlaps := func(q *pane[A]) bool { return q.start <= p.end && q.end >= p.start }
		switch {
		case m.plan.kind == session || m.plan.kind == sessionBy:
			for i := slices.IndexFunc(have.panes, overlaps); i >= 0; i = slices.IndexFunc(have.panes, overlaps) {
				q := have.panes[i]
				have.panes = slices.Delete(have.panes, i, i+1)
				p.unite(q, m.plan.merge)
			}
			have.panes = append(have.panes, p)
		case twin >= 0 && m.plan.merge != nil && m.plan.kind != counted:
			have.panes[twin].unite(p, m.plan.merge)
		default:
			have.panes = append(have.panes, p)
		}
	}
	if m.plan.kind != counted {
		slices.SortStableFunc(have.panes, func(p, q *pane[A]) int { return cmp.Compare(p.start, q.start) })
	}
}

// unite adds another window of the key to it.
func (p *pane[A]) unite(q *pane[A], merge func(*A, A)) {
	if p.start != q.start || p.end != q.end {
		p.outdate()
		q.outdate()
		p.start, p.end = min(p.start, q.start), max(p.end, q.end)
	}
	merge(&p.acc, q.acc)
	p.records, p.told, p.base = p.records+q.records, p.told+q.told, p.base+q.base
	p.revisions, p.stale = max(p.revisions, q.revisions), append(p.stale, q.stale...)
}
