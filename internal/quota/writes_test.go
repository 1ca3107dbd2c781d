package quota

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestWrites_zeroValueLimitsNothing(t *testing.T) {
	var zero Writes
	unlimited := NewWrites(rate.Inf, rate.Inf)
	unlimited.AdmitLarge()
	for _, w := range []*Writes{&zero, &unlimited} {
		assert.False(t, w.Limited())
		assert.Equal(t, Refusal{}, w.Take(start, math.MaxInt))
		n, r := w.TakeMost(start, 1, math.MaxInt)
		assert.Equal(t, math.MaxInt, n)
		assert.Equal(t, Refusal{}, r)
	}
	records, bytes := NewWrites(1, rate.Inf), NewWrites(rate.Inf, 1)
	assert.True(t, records.Limited())
	assert.True(t, bytes.Limited())
}

// Each row takes all that a full shard lets pass of one size, and then looks
// around the moment from which on the next passes.
func TestWrites_takeAtTheLimit(t *testing.T) {
	for _, c := range []struct {
		name           string
		records, bytes rate.Limit
		large          bool
		size           int
		pass           int
		want           Refusal
	}{
		{"records bind", 1000, mib, false, 100, 1000, Refusal{WriteRecords, time.Millisecond}},
		{"bytes bind", 1000, mib, false, mib / 8, 8, Refusal{WriteBytes, 125 * time.Millisecond}},
		{"both bind, bytes are asked first", 1000, 1_024_000, false, 1024, 1000, Refusal{WriteBytes, time.Millisecond}},
		{"exactly what the bucket holds", 1000, mib, false, mib, 1, Refusal{WriteBytes, time.Second}},
		{"a byte less", 1000, mib, false, mib - 1, 1, Refusal{WriteBytes, time.Second - 1907}},
		{"a byte more", 1000, mib, false, mib + 1, 1, Refusal{WriteBytes, time.Second}},
		{"a byte more draws on the burst", 1000, mib, true, mib + 1, 9, Refusal{WriteBytes, 9537}},
		{"ten mebibytes", 1000, mib, true, 10 * mib, 1, Refusal{WriteBytes, 10 * time.Second}},
		{"larger than the burst", 1000, mib, true, 11 * mib, 1, Refusal{WriteBytes, 10 * time.Second}},
		{"no size", 1000, mib, true, 0, 1000, Refusal{WriteRecords, time.Millisecond}},
		{"a tiny rate of records", 1e-300, mib, false, 1, 1, Refusal{WriteRecords, longestWait}},
		{"a tiny rate of bytes", 1000, 1e-300, false, 1, 1, Refusal{WriteBytes, longestWait}},
		{"a huge rate", 1e9, rate.Inf, false, 1, 1e9, Refusal{WriteRecords, 1}},
		{"a broken rate", 2.5, rate.Inf, false, 1, 2, Refusal{WriteRecords, 400 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWrites(c.records, c.bytes)
			if c.large {
				w.AdmitLarge()
			}
			n, r := w.TakeMost(start, c.size, c.pass+1)
			assert.Equal(t, c.pass, n)
			assert.Equal(t, c.want.Kind, r.Kind)
			assert.InDelta(t, c.want.Wait, r.Wait, 1)
			assert.Equal(t, r, w.Take(start, c.size), "a refusal costs nothing")
			if r.Wait > time.Microsecond && r.Wait < longestWait { // closer a bucket cannot tell
				early := w.Take(after(r.Wait-time.Microsecond), c.size)
				assert.Equal(t, r.Kind, early.Kind)
				assert.InDelta(t, time.Microsecond, early.Wait, 2)
			}
			if r.Wait < longestWait {
				assert.Equal(t, Refusal{}, w.Take(after(r.Wait), c.size))
			}
		})
	}
}

func TestWrites_largeRecordLeavesNothingForSmallOnes(t *testing.T) {
	w := NewWrites(1000, mib)
	w.AdmitLarge()
	w.AdmitLarge() // is the same as once
	assert.Equal(t, Refusal{}, w.Take(start, 4*mib))
	assert.Equal(t, Refusal{WriteBytes, time.Second}, w.Take(start, mib))
	assert.Equal(t, Refusal{}, w.Take(after(time.Second), mib))
	assert.Equal(t, Refusal{WriteBytes, time.Second}, w.Take(after(time.Second), 7*mib), "of ten and one five are taken")
}

func TestWrites_clockThatStepsBack(t *testing.T) {
	w := NewWrites(1000, mib)
	w.TakeMost(start, 1, 1000)
	assert.Equal(t, Refusal{WriteRecords, time.Second + time.Millisecond}, w.Take(after(-time.Second), 1), "out of order")
	assert.Equal(t, Refusal{WriteRecords, time.Millisecond}, w.Take(after(-time.Hour), 1), "a step fills nothing")
	n, _ := w.TakeMost(after(-time.Hour+time.Second), 1, 2000)
	assert.Equal(t, 1000, n)
}

// pickWrites returns two equal quotas of random limits.
func pickWrites(random *rand.Rand) (a, b Writes) {
	pick := func(most float64) rate.Limit {
		switch random.IntN(4) {
		case 0:
			return rate.Inf
		case 1:
			return rate.Limit(1 + random.IntN(int(most)))
		default:
			return rate.Limit(random.ExpFloat64() * most / 4)
		}
	}
	records, bytes := pick(200), pick(3*mib)
	a, b = NewWrites(records, bytes), NewWrites(records, bytes)
	if random.IntN(2) == 0 {
		a.AdmitLarge()
		b.AdmitLarge()
	}
	return a, b
}

func TestWrites_takeMostIsSingleTakes(t *testing.T) {
	random := random(t)
	for range 300 {
		most, singly := pickWrites(random)
		now, retry := start, time.Duration(0)
		for range 50 {
			size := int(math.Exp(random.Float64() * 16))
			n := 1 + random.IntN(60)
			passed, refusal := most.TakeMost(now, size, n)
			want, refused := 0, Refusal{}
			for want < n && refused.Kind == None {
				if refused = singly.Take(now, size); refused.Kind == None {
					want++
				}
			}
			require.Equal(t, want, passed)
			require.Equal(t, refused, refusal)
			if refused.Kind != None {
				retry = min(refused.Wait, time.Hour)
			}
			now += []int64{0, int64(retry), int64(retry) - 1, random.Int64N(1e9), -random.Int64N(3e9)}[random.IntN(5)]
		}
	}
}

// owe takes one record in advance and returns how long it waits and for what.
func owe(w *Writes, d *Debt, at time.Duration, size int) Refusal {
	w.Owe(d, after(at), size)
	return Refusal{d.By, d.Wait}
}

func TestWrites_oweWaitsAsLongAsARefusalSays(t *testing.T) {
	random := random(t)
	for range 2000 {
		a, b := pickWrites(random)
		size, now := int(math.Exp(random.Float64()*16)), start
		for range random.IntN(500) {
			if a.Take(now, size).Kind != None {
				break
			}
			b.Take(now, size)
			now += random.Int64N(1e6)
		}
		r := b.Take(now, size)
		if r.Kind == None {
			continue
		}
		var d Debt
		a.Owe(&d, now, size)
		records := Refusal{}
		if b.records != nil {
			records.Wait = Until(b.records, time.Unix(0, now), 1)
		}
		require.Equal(t, max(r.Wait, records.Wait), d.Wait, "the limit that takes longest")
		require.Equal(t, d.Wait, a.Left(&d, now))
		if d.Wait < longestWait {
			require.EqualValues(t, 1, a.Left(&d, now+int64(d.Wait)-1))
			require.Zero(t, a.Left(&d, now+int64(d.Wait)))
		}
	}
}

// A record after the other is owed, waited for and passes: the rate is met to
// the nanosecond however long that goes on.
func TestWrites_chainOfDebtsHasTheRate(t *testing.T) {
	for _, c := range []struct {
		name           string
		records, bytes rate.Limit
		large          bool
		size           int
		full           int // what passes without waiting
		n              int // that wait
		want           time.Duration
	}{
		{"records", 1000, mib, false, 1, 1000, 9000, 9 * time.Second},
		{"records that are no whole number of nanoseconds", 3, mib, false, 1, 3, 9999, 3333 * time.Second},
		{"bytes", 1000, mib, false, 2048, 512, 5120, 10 * time.Second},
		{"both", 1000, 1_024_000, false, 1024, 1000, 9000, 9 * time.Second},
		{"small ones where there is a burst", 1000, mib, true, mib / 2, 2, 200, 100 * time.Second},
		{"large ones", 1000, mib, true, 2 * mib, 5, 50, 100 * time.Second},
		{"larger than the bucket", 1000, 1000, false, 5000, 1, 100, 100 * time.Second},
		{"tiny", 0.001, mib, false, 1, 1, 10, 10_000 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWrites(c.records, c.bytes)
			if c.large {
				w.AdmitLarge()
			}
			full, _ := w.TakeMost(start, c.size, c.full+1)
			assert.Equal(t, c.full, full)
			now := time.Duration(0)
			for range c.n {
				var d Debt
				now += owe(&w, &d, now, c.size).Wait
			}
			assert.InDelta(t, c.want, now, 1+float64(c.want)*1e-12)
		})
	}
}

func TestWrites_debtsAddUp(t *testing.T) {
	w := NewWrites(1000, mib)
	w.TakeMost(start, 1, 1000)
	var d Debt
	for i := range 20 {
		w.Owe(&d, start, 1)
		assert.Equal(t, time.Duration(i+1)*time.Millisecond, d.Wait)
		assert.Equal(t, WriteRecords, d.By)
	}
	w.Owe(&d, start, mib)
	assert.Equal(t, Refusal{WriteRecords, 21 * time.Millisecond}, Refusal{d.By, d.Wait}, "the bytes are there sooner")
	w.Owe(&d, start, mib)
	assert.Equal(t, WriteBytes, d.By)
	assert.InDelta(t, time.Second, d.Wait, float64(2*time.Millisecond))
}

// Nobody overtakes a record that has taken its share in advance: what comes
// later waits longer, a small record after a large one too, which draws on
// another bucket.
func TestWrites_nobodyOvertakesADebt(t *testing.T) {
	for _, size := range []int{mib / 2, mib, 2 * mib, 10 * mib} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			w := NewWrites(1000, mib)
			w.AdmitLarge()
			for w.Take(start, size).Kind == None {
			}
			for w.Take(start, mib/4).Kind == None {
			}
			var d Debt
			wait := owe(&w, &d, 0, size).Wait
			passed := 0
			for at := time.Duration(0); at < wait; at += wait / 1000 {
				if w.Take(after(at), 1000).Kind == None {
					passed++
				}
			}
			assert.Zero(t, passed)
			assert.Equal(t, WriteBytes, w.Take(after(wait), 1000).Kind)
			assert.Equal(t, Refusal{}, w.Take(after(wait+time.Millisecond), 1000))
		})
	}
}

// What waits beside others, small and large, gets no more than the rate
// together with them.
func TestWrites_debtsAndTakesTogetherKeepTheRate(t *testing.T) {
	random := random(t)
	for range 100 {
		w := NewWrites(rate.Inf, mib)
		w.AdmitLarge()
		now, total := time.Duration(0), 0
		for now < time.Minute {
			size := []int{1 + random.IntN(mib), 1 + random.IntN(10*mib)}[random.IntN(2)]
			var d Debt
			wait := owe(&w, &d, now, size).Wait
			for range 20 { // of others, meanwhile
				now += wait / 20
				if small := 1 + random.IntN(mib/10); w.Take(after(now), small).Kind == None {
					total += small
				}
			}
			total += size
		}
		require.LessOrEqual(t, float64(total), 10*mib+mib*(now.Seconds()+1))
	}
}

// One who gives up leaves the quota as if he had never been there, whichever
// limit he waited for, and whenever he does.
func TestWrites_forgivenDebtLeavesNoTrace(t *testing.T) {
	random := random(t)
	for range 2000 {
		a, b := pickWrites(random)
		now := start
		for range random.IntN(100) {
			size := int(math.Exp(random.Float64() * 16))
			require.Equal(t, a.Take(now, size).Kind, b.Take(now, size).Kind)
			now += random.Int64N(1e7)
		}
		var d Debt
		for range 1 + random.IntN(3) {
			a.Owe(&d, now, int(math.Exp(random.Float64()*16)))
		}
		until := now + random.Int64N(1+min(int64(d.Wait), int64(time.Hour)))
		a.Forgive(&d, until)
		require.Equal(t, Debt{}, d)
		for range 20 {
			size := int(math.Exp(random.Float64() * 16))
			got, want := a.Take(until, size), b.Take(until, size)
			require.Equal(t, want.Kind, got.Kind)
			if want.Wait < time.Hour {
				require.InDelta(t, want.Wait, got.Wait, 2)
			}
			until += random.Int64N(1e9)
		}
	}
}

// A debt that was to be paid off by now is given back all the same if its
// record did not pass, and the bucket holds no more than it can.
func TestWrites_forgivenAfterItWasDue(t *testing.T) {
	w := NewWrites(10, rate.Inf)
	w.TakeMost(start, 1, 10)
	var d Debt
	w.Owe(&d, start, 1)
	w.Forgive(&d, after(500*time.Millisecond))
	n, _ := w.TakeMost(after(500*time.Millisecond), 1, 100)
	assert.Equal(t, 5, n)
	w.Owe(&d, after(500*time.Millisecond), 1)
	w.Forgive(&d, after(time.Hour))
	n, _ = w.TakeMost(after(time.Hour), 1, 100)
	assert.Equal(t, 10, n)
	w.Forgive(&d, after(time.Hour))
	n, _ = w.TakeMost(after(time.Hour), 1, 100)
	assert.Equal(t, 0, n, "nothing is given back twice")
}

func TestWrites_forgivenDebtLeavesLaterOnesAsTheyWere(t *testing.T) {
	w := NewWrites(10, rate.Inf)
	w.TakeMost(start, 1, 10)
	var a, b Debt
	assert.Equal(t, 100*time.Millisecond, owe(&w, &a, 0, 1).Wait)
	assert.Equal(t, 200*time.Millisecond, owe(&w, &b, 0, 1).Wait)
	w.Forgive(&a, after(50*time.Millisecond))
	assert.Equal(t, 150*time.Millisecond, w.Left(&b, after(50*time.Millisecond)))
	assert.Equal(t, Refusal{WriteRecords, 150 * time.Millisecond}, w.Take(after(50*time.Millisecond), 1), "who comes now gets a's share")
	assert.Equal(t, Refusal{}, w.Take(after(200*time.Millisecond), 1))
	assert.Equal(t, Refusal{WriteRecords, 100 * time.Millisecond}, w.Take(after(200*time.Millisecond), 1), "and b has its own")
}

// The debt is paid off by the clock that the quota is told, not by any other.
func TestWrites_leftGoesByTheClock(t *testing.T) {
	w := NewWrites(10, rate.Inf)
	w.TakeMost(start, 1, 10)
	var d Debt
	assert.Zero(t, w.Left(&d, start))
	w.Owe(&d, start, 1)
	assert.Equal(t, 100*time.Millisecond, w.Left(&d, start))
	assert.Equal(t, 100*time.Millisecond, w.Left(&d, start), "it stands still")
	assert.Equal(t, 110*time.Millisecond, w.Left(&d, after(-10*time.Millisecond)), "out of order")
	assert.Equal(t, 100*time.Millisecond, w.Left(&d, after(-time.Hour)), "a step")
	assert.Zero(t, w.Left(&d, after(-time.Hour+100*time.Millisecond)))
}
