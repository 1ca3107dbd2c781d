package window

import (
	"cmp"
	"maps"
)

// An Aggregator makes a result of the values of a window, one value at a time:
// V is what is added, A the accumulator, R the result. The accumulator of a new
// window is the zero A. Its methods must not wait, and are called by several
// goroutines at a time, each with another accumulator.
//
// Accumulators are kept over crashes: see [Codec].
type Aggregator[V, A, R any] interface {
	// Add adds a value to an accumulator. What it keeps of a record must be a
	// copy: see [weir.Record].
	Add(to *A, v V)
	// Result returns what an accumulator comes to. It is called each time that a
	// result is handed over, more than once maybe, and must not change it.
	Result(of A) R
}

// A Merger is an aggregator that can make one accumulator of two. Sessions need
// one, because a record can join two of them.
type Merger[V, A, R any] interface {
	Aggregator[V, A, R]
	// Merge adds all that is in from, which is not used any more.
	Merge(to *A, from A)
}

// A Codec is what an [Aggregator] may have to say how accumulators are kept.
//
// Without it integers, floats, strings, booleans and byte slices are kept as
// such, what implements encoding.BinaryMarshaler and, as a pointer,
// encoding.BinaryUnmarshaler as these say, and all else as JSON. [New] refuses
// an accumulator that JSON would not keep whole, such as a struct with
// unexported fields.
type Codec[A any] interface {
	// AppendState appends an accumulator as bytes.
	AppendState(b []byte, a A) ([]byte, error)
	// ReadState returns the accumulator of such bytes, which it does not keep.
	ReadState(b []byte) (A, error)
}

// Of makes an aggregator of two functions, which [Aggregator] describes.
func Of[V, A, R any](add func(to *A, v V), result func(of A) R) Aggregator[V, A, R] {
	return functions[V, A, R]{add, result}
}

// Merging makes an aggregator of three functions, which [Merger] describes.
func Merging[V, A, R any](add func(to *A, v V), merge func(to *A, from A), result func(of A) R) Merger[V, A, R] {
	return merging[V, A, R]{functions[V, A, R]{add, result}, merge}
}

type functions[V, A, R any] struct {
	add    func(*A, V)
	result func(A) R
}

func (f functions[V, A, R]) Add(to *A, v V) { f.add(to, v) }
func (f functions[V, A, R]) Result(of A) R  { return f.result(of) }

type merging[V, A, R any] struct {
	functions[V, A, R]
	merge func(*A, A)
}

func (m merging[V, A, R]) Merge(to *A, from A) { m.merge(to, from) }

// Count counts.
func Count[V any]() Merger[V, int64, int64] { return count[V]{} }

type count[V any] struct{}

func (count[V]) Add(to *int64, _ V)          { *to++ }
func (count[V]) Merge(to *int64, from int64) { *to += from }
func (count[V]) Result(of int64) (sum int64) { return of }

// A Number is what can be summed.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Sum sums what a function makes of the values. It overflows as N does.
func Sum[V any, N Number](of func(V) N) Merger[V, N, N] {
	return Merging(func(to *N, v V) { *to += of(v) }, func(to *N, from N) { *to += from }, func(n N) N { return n })
}

// A Spread is what [Stats] keeps of the values of a window.
type Spread[N Number] struct {
	Count    int64
	Sum      float64
	Min, Max N
}

// Mean returns the average, zero if there are no values.
func (s Spread[N]) Mean() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / float64(s.Count)
}

// Stats keeps count, sum, least and greatest of what a function makes of the
// values. Values that are not a number, of floats, are left out.
func Stats[V any, N Number](of func(V) N) Merger[V, Spread[N], Spread[N]] {
	return Merging(
		func(to *Spread[N], v V) {
			if n := of(v); n == n {
				to.join(Spread[N]{1, float64(n), n, n})
			}
		},
		(*Spread[N]).join,
		func(s Spread[N]) Spread[N] { return s },
	)
}

func (s *Spread[N]) join(o Spread[N]) {
	switch {
	case o.Count == 0:
		return
	case s.Count == 0:
		*s = o
		return
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// Tally counts how often each of what a function makes of the values occurs in a
// window: by item, status or name. A window keeps each once, so there should be
// few; at most most of them are kept, the first ones, and the others are counted
// under the zero K.
func Tally[V any, K cmp.Ordered](of func(V) K, most int) Merger[V, map[K]int64, map[K]int64] {
	add := func(to *map[K]int64, k K, n int64) {
		if *to == nil {
			*to = make(map[K]int64)
		}
		if _, there := (*to)[k]; !there && len(*to) >= most {
			var others K
			k = others
		}
		(*to)[k] += n
	}
	return Merging(
		func(to *map[K]int64, v V) { add(to, of(v), 1) },
		func(to *map[K]int64, from map[K]int64) {
			for _, k := range sortedKeys(from) {
				add(to, k, from[k])
			}
		},
		func(of map[K]int64) map[K]int64 { return maps.Clone(of) },
	)
}
