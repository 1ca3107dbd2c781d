package window

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"github.com/weirstream/weir"
)

// The windows of a shard as bytes: a head of three, then one of the forms.
//
//	plain     body, checksum of the body
//	deflated  its length, then the same deflated
//	named     the name of a snapshot, which is plain or deflated
const (
	stateMark    = 'w'
	stateVersion = 1

	plain    = 0
	deflated = 1
	named    = 2
)

// maxUnpacked is how large a state may be that was deflated.
const maxUnpacked = 1 << 30

var (
	errNotState = errors.New("it is none of windows")
	errTorn     = errors.New("it is damaged")
	errLater    = errors.New("it was written by a later version")
)

func head(form byte) []byte { return []byte{stateMark, stateVersion, form} }

// encode returns the machine's windows in the plain form.
func (m *machine[V, A, R]) encode() ([]byte, error) {
	w := writer{b: head(plain)}
	w.text(m.plan.spec)
	w.text(m.plan.coding.name)
	w.place(m.at)
	w.int(m.watermark)
	w.int(m.promised)
	w.uint(uint64(len(m.floors)))
	for _, f := range m.floors {
		w.text(f.keys.Start.String())
		w.text(f.keys.End.String())
		w.int(f.watermark)
	}
	w.uint(uint64(len(m.entries)))
	last := int64(0) // windows that follow each other often begin at one time
	for _, e := range m.entries {
		w.text(e.key)
		w.flags(e.partition != e.key, e.hash != nil, false)
		if e.partition != e.key {
			w.text(e.partition)
		}
		if e.hash != nil {
			w.text(e.hash.String())
		}
		w.uint(uint64(len(e.panes)))
		for _, p := range e.panes {
			if err := encodePane(&w, p, last, m.plan.coding); err != nil {
				return nil, fmt.Errorf("the accumulator of %q: %w", e.key, err)
			}
			last = p.start
		}
	}
	return sum(w.b), nil
}

// sum appends the checksum of a plain state.
func sum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[len(head(plain)):]))
}

func encodePane[A any](w *writer, p *pane[A], last int64, c coding[A]) (err error) {
	w.int(p.start - last)
	w.uint(uint64(p.end - p.start))
	w.uint(uint64(p.records))
	w.uint(uint64(p.told))
	w.uint(uint64(p.base))
	w.uint(uint64(p.revisions))
	ofCount := p.first != place{}
	w.flags(ofCount, len(p.stale) > 0, p.shown)
	if ofCount {
		w.place(p.first)
		w.uint(p.index)
	}
	if len(p.stale) > 0 {
		w.uint(uint64(len(p.stale)))
		for _, s := range p.stale {
			w.int(s.start)
			w.uint(uint64(s.end - s.start))
			w.uint(uint64(s.revisions))
		}
	}
	if w.acc, err = c.toBytes(w.acc[:0], &p.acc); err == nil {
		w.uint(uint64(len(w.acc)))
		w.b = append(w.b, w.acc...)
	}
	return err
}

// pack deflates a plain state.
func pack(b []byte) []byte {
	var out bytes.Buffer
	out.Write(binary.AppendUvarint(head(deflated), uint64(len(b)-len(head(plain)))))
	z, _ := flate.NewWriter(&out, flate.BestSpeed) // the level is one that there is
	_, _ = z.Write(b[len(head(plain)):])           // a buffer takes all
	_ = z.Close()
	return out.Bytes()
}

// snapshotName returns the name that a state consists of; empty if it is no name.
func snapshotName(b []byte) string {
	if len(b) > 3 && bytes.HasPrefix(b, head(named)) {
		return string(b[3:])
	}
	return ""
}

// unpack returns the body of a plain or deflated state.
func unpack(b []byte) (body []byte, err error) {
	switch {
	case len(b) < 3 || b[0] != stateMark:
		return nil, errNotState
	case b[1] != stateVersion:
		return nil, errLater
	}
	form, b := b[2], b[3:]
	if form == deflated {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > maxUnpacked {
			return nil, errTorn
		}
		var out bytes.Buffer
		if _, err := io.Copy(&out, io.LimitReader(flate.NewReader(bytes.NewReader(b[n:])), int64(size)+1)); err != nil || uint64(out.Len()) != size {
			return nil, errTorn
		}
		b = out.Bytes()
	} else if form != plain {
		return nil, errTorn
	}
	if len(b) < 4 || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, errTorn
	}
	return b[:len(b)-4], nil
}

// decode makes a machine as it was when it was encoded; of no bytes a new one.
func decode[V, A, R any](p *plan[V, A, R], stream string, shard weir.ShardID, b []byte) (*machine[V, A, R], error) {
	m := newMachine(p, stream, shard)
	if len(b) == 0 {
		return m, nil
	}
	body, err := unpack(b)
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	if spec := r.text(); r.err == nil && spec != p.spec {
		return nil, fmt.Errorf("it is of windows %q, these are %q: a changed Config needs a group of another name", spec, p.spec)
	}
	if name := r.text(); r.err == nil && name != p.coding.name {
		return nil, fmt.Errorf("its accumulators are kept as %q, those of this aggregator as %q", name, p.coding.name)
	}
	m.at = r.place()
	if m.watermark = r.int(); m.watermark > earliest {
		m.newest = m.watermark + p.bound + 1
	}
	m.promised = r.int()
	for range r.count() {
		m.floors = append(m.floors, floor{weir.HashKeyRange{Start: r.hash(), End: r.hash()}, r.int()})
	}
	last := int64(0)
	for range r.count() {
		if err := m.decodeEntry(&r, &last); err != nil {
			return nil, err
		}
	}
	if r.err != nil || len(r.b) > 0 {
		return nil, errTorn
	}
	return m, nil
}

func (m *machine[V, A, R]) decodeEntry(r *reader, last *int64) error {
	e := &entry[A]{key: r.text()}
	e.partition = e.key
	other, hashed, _ := r.flags()
	if other {
		e.partition = r.text()
	}
	if hashed {
		h := r.hash()
		e.hash = &h
	}
	for range r.count() {
		p := &pane[A]{entry: e}
		p.start = *last + r.int()
		*last = p.start
		p.end = p.start + int64(r.uint())
		p.records, p.told, p.base, p.revisions = int64(r.uint()), int64(r.uint()), int64(r.uint()), int(r.uint())
		ofCount, joined, shown := r.flags()
		p.shown = shown
		if ofCount {
			p.first, p.index = r.place(), r.uint()
		}
		if joined {
			for range r.count() {
				start := r.int()
				p.stale = append(p.stale, span{start, start + int64(r.uint()), int(r.uint())})
			}
		}
		acc := r.bytes()
		if r.err != nil {
			return errTorn
		}
		var err error
		if p.acc, err = m.plan.coding.ofBytes(acc); err != nil {
			return fmt.Errorf("the accumulator of %q: %w", e.key, err)
		}
		e.panes = append(e.panes, p)
		m.open++
		m.schedule(p)
	}
	if r.err == nil && len(e.panes) > 0 {
		m.entries[e.key] = e
	}
	return nil
}

// A writer makes the bytes of a state.
type writer struct{ b, acc []byte }

func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) int(n int64)   { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) text(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) place(p place) {
	if p == (place{}) {
		w.text("")
		return
	}
	w.text(p.number.String())
	w.uint(p.sub)
}

func (w *writer) flags(list ...bool) {
	f := byte(0)
	for i, is := range list {
		if is {
			f |= 1 << i
		}
	}
	w.b = append(w.b, f)
}

// A reader takes the bytes of a state apart. After an error all is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	return r.took(n, size)
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	return int64(r.took(uint64(n), size))
}

func (r *reader) took(n uint64, size int) uint64 {
	if size <= 0 {
		r.err, r.b = cmp.Or(r.err, errTorn), nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count returns how many of something follow, of which each has a byte at least.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.err, r.b = errTorn, nil
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.count()
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) flags() (a, b, c bool) {
	if len(r.b) == 0 {
		r.err = errTorn
		return false, false, false
	}
	f := r.b[0]
	r.b = r.b[1:]
	return f&1 != 0, f&2 != 0, f&4 != 0
}

func (r *reader) hash() (h weir.HashKey) {
	h, err := weir.ParseHashKey(r.text())
	r.err = cmp.Or(r.err, err)
	return h
}

func (r *reader) place() (p place) {
	text := r.text()
	if text == "" {
		return p
	}
	var err error
	p.number, err = weir.ParseSequenceNumber(text)
	r.err = cmp.Or(r.err, err)
	p.sub = r.uint()
	return p
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
