package window

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Bytes that are no state are refused, and those that are one are made again.
func FuzzState(f *testing.F) {
	p, err := newPlan(Config[ev, []int64, []int64]{Windows: Session(5*ms, values()), Lateness: 10 * ms, Read: One(readEv)})
	require.NoError(f, err)
	m := newMachine(p, "test", 0)
	m.feed(recordsOf([]ev{{"a", 1, 1}, {"b", 20, 2}, {"a", 15, 3}}, 0), nil)
	b, err := m.encode()
	require.NoError(f, err)
	f.Add(b)
	f.Add(pack(b))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 3 && b[2] == plain { // or nothing gets past the checksum
			b = sum(bytes.Clone(b[:max(3, len(b)-4)]))
		}
		m, err := decode(p, "test", 0, b)
		if err != nil {
			return
		}
		again, err := m.encode()
		require.NoError(t, err)
		next, err := decode(p, "test", 0, again)
		require.NoError(t, err)
		require.Equal(t, m.open, next.open)
		require.Equal(t, m.watermark, next.watermark)
		m.finish()
	})
}

func TestState_isRefused(t *testing.T) {
	c := Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values())}
	m := machineOf(t, c)
	given(m, ev{"a", 1, 1})
	b, err := m.encode()
	require.NoError(t, err)
	small := pack(b)
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"of others":  {[]byte(`{"start":0}`), "it is none of windows"},
		"short":      {[]byte("w"), "it is none of windows"},
		"later":      {append([]byte{'w', 2}, b[2:]...), "it was written by a later version"},
		"cut":        {b[:len(b)-1], "it is damaged"},
		"a bit":      {append(append([]byte{}, b[:9]...), append([]byte{b[9] ^ 1}, b[10:]...)...), "it is damaged"},
		"small, cut": {small[:len(small)-2], "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(m.plan, "test", 0, c.b)
			require.ErrorContains(t, err, c.says)
		})
	}
	other := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(20*ms, values())})
	_, err = decode(other.plan, "test", 0, b)
	require.ErrorContains(t, err, `it is of windows "tumbling 10ms", these are "tumbling 20ms"`)
	sums, err := newPlan(Config[ev, int64, int64]{Windows: Tumbling(10*ms, Count[ev]()), Read: One(readEv)})
	require.NoError(t, err)
	_, err = decode(sums, "test", 0, b)
	require.ErrorContains(t, err, `its accumulators are kept as "json", those of this aggregator as "int"`)
}

type celsius float32

// What accumulators are kept as is what they were.
func TestCoding_keepsAccumulators(t *testing.T) {
	keeps(t, "int", int8(-128))
	keeps(t, "int", time.Duration(math.MinInt64))
	keeps(t, "uint", uint64(math.MaxUint64))
	keeps(t, "float", celsius(1.5))
	keeps(t, "float", math.Inf(-1))
	keeps(t, "string", "a\x00ü")
	keeps(t, "json", true)
	keeps(t, "json", map[string]int64{"a": 1})
	keeps(t, "json", []byte{0, 255})
	keeps(t, "json", (*int)(nil))
	keeps(t, "json", Spread[int32]{1, 2, 3, 4})
	keeps(t, "binary", time.Date(2026, 11, 29, 1, 2, 3, 4, time.UTC))
	keeps(t, "json", weir.HashKey{Hi: 1, Lo: 2})
}

func keeps[A any](t *testing.T, name string, a A) {
	t.Helper()
	c, err := codingOf[A](nil)
	require.NoError(t, err)
	require.Equal(t, name, c.name)
	b, err := c.toBytes([]byte{}, &a)
	require.NoError(t, err)
	got, err := c.ofBytes(b)
	require.NoError(t, err)
	require.Equal(t, a, got)
}

func TestCoding_refusesWhatWouldBeLost(t *testing.T) {
	_, err := codingOf[struct{ n int }](nil)
	require.EqualError(t, err, "accumulators are kept as JSON, and struct { n int }.n is not exported; a Codec can keep it")
	_, err = codingOf[struct{ F func() }](nil)
	require.ErrorContains(t, err, "is a func()")
	_, err = codingOf[map[float64]int](nil)
	require.ErrorContains(t, err, "has keys of type float64")
	_, err = codingOf[[]any](nil)
	require.ErrorContains(t, err, "is a interface {}")
	_, err = codingOf[struct {
		N int `json:"-"`
	}](nil)
	require.ErrorContains(t, err, "is left out")
	type tree struct{ Left, Right *tree }
	_, err = codingOf[tree](nil)
	require.NoError(t, err)
	_, err = (codingOrFail[int8](t).ofBytes([]byte{0xff, 0x7f}))
	require.ErrorIs(t, err, errShort)
}

func codingOrFail[A any](t *testing.T) coding[A] {
	c, err := codingOf[A](nil)
	require.NoError(t, err)
	return c
}

// ownCodec keeps an accumulator that JSON would not.
type ownCodec struct{ Aggregator[ev, chan int, int] }

func (ownCodec) AppendState(b []byte, _ chan int) ([]byte, error) { return append(b, 1), nil }
func (ownCodec) ReadState(b []byte) (chan int, error)             { return make(chan int, len(b)), nil }

func TestCoding_own(t *testing.T) {
	c, err := codingOf[chan int](ownCodec{})
	require.NoError(t, err)
	b, err := c.toBytes(nil, new(chan int))
	require.NoError(t, err)
	got, err := c.ofBytes(b)
	require.NoError(t, err)
	require.Equal(t, 1, cap(got))
}
