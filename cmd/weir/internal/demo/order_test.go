package demo_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
)

func TestOrderCheck_findsEachFault(t *testing.T) {
	type counts struct{ late, duplicates, missing int64 }
	tests := []struct {
		name    string
		numbers []uint64
		want    counts
	}{
		{"nothing", nil, counts{}},
		{"in order", []uint64{1, 2, 3, 4}, counts{}},
		{"two swapped", []uint64{1, 3, 2, 4}, counts{late: 1}},
		{"reversed", []uint64{4, 3, 2, 1}, counts{late: 3}},
		{"one to the end", []uint64{2, 3, 4, 1}, counts{late: 1}},
		{"a gap", []uint64{1, 2, 5}, counts{missing: 2}},
		{"the first missing", []uint64{2}, counts{missing: 1}},
		{"a gap filled in part", []uint64{1, 4, 3}, counts{late: 1, missing: 1}},
		{"one twice", []uint64{1, 2, 2, 3}, counts{duplicates: 1}},
		{"a run again", []uint64{1, 2, 3, 2, 3}, counts{duplicates: 2}},
		{"a late one twice", []uint64{1, 3, 2, 2}, counts{late: 1, duplicates: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := demo.NewOrderCheck()
			for _, n := range tt.numbers {
				o.Observe("key", n)
			}
			assert.Equal(t, tt.want, counts{o.Late(), o.Duplicates(), o.Missing()})
		})
	}
}

func TestOrderCheck_keysAreIndependent(t *testing.T) {
	o := demo.NewOrderCheck()
	for _, key := range []string{"a", "b", "a", "c", "b", "a"} {
		o.Observe(key, o.Greatest(key)+1)
	}
	assert.Equal(t, 3, o.Keys())
	assert.Equal(t, uint64(3), o.Greatest("a"))
	assert.Zero(t, o.Greatest("d"))
	assert.Zero(t, o.Late()+o.Duplicates()+o.Missing())
}
