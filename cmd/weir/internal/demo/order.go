package demo

import "strings"

// An OrderCheck tells from the numbers that the records of each key carry, 1, 2,
// 3 …, whether any came twice, came after one with a greater number, or is
// missing. Use it from one goroutine at a time.
type OrderCheck struct {
	keys       map[string]*keyOrder
	late       int64
	duplicates int64
	missing    int64
}

// keyOrder is what was seen of one key.
type keyOrder struct {
	greatest uint64
	missing  map[uint64]bool // numbers below greatest not seen yet; nil if there never were any
}

// NewOrderCheck returns a check that has seen nothing.
func NewOrderCheck() *OrderCheck {
	return &OrderCheck{keys: make(map[string]*keyOrder)}
}

// Observe takes the next record: its key and its number, 1 or more. It reports
// whether the record comes for the first time.
func (o *OrderCheck) Observe(key string, number uint64) (first bool) {
	k := o.keys[key]
	if k == nil {
		k = new(keyOrder)
		o.keys[strings.Clone(key)] = k
	}
	switch {
	case number == k.greatest+1:
		k.greatest = number
	case number > k.greatest:
		o.skip(k, number)
	case k.missing[number]:
		delete(k.missing, number)
		o.missing--
		o.late++
	default:
		o.duplicates++
		return false
	}
	return true
}

// skip notes the numbers that were left out before number.
func (o *OrderCheck) skip(k *keyOrder, number uint64) {
	if k.missing == nil {
		k.missing = make(map[uint64]bool)
	}
	for n := k.greatest + 1; n < number; n++ {
		k.missing[n] = true
		o.missing++
	}
	k.greatest = number
}

// Late returns how many records came after one of the same key with a greater
// number: each is a violation of the order.
func (o *OrderCheck) Late() int64 { return o.late }

// Duplicates returns how many records came again.
func (o *OrderCheck) Duplicates() int64 { return o.duplicates }

// Missing returns how many numbers were left out and have not come since.
func (o *OrderCheck) Missing() int64 { return o.missing }

// Keys returns how many keys were seen.
func (o *OrderCheck) Keys() int { return len(o.keys) }

// Greatest returns the greatest number of a key, 0 if it was never seen.
func (o *OrderCheck) Greatest(key string) uint64 {
	if k := o.keys[key]; k != nil {
		return k.greatest
	}
	return 0
}
