package metrics_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/metrics"
)

// filled returns counts of which no two fields are alike: from, from+1 and so
// on.
func filled(from int64) (c metrics.Counts) {
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(from + int64(i))
	}
	return c
}

// A field that Add forgot would be missing from a stream's totals.
func TestCounts_addsEveryField(t *testing.T) {
	sum := filled(1)
	sum.Add(filled(1000))
	want := filled(0)
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(1001 + 2*int64(i))
	}
	want.IteratorAgeMillis = filled(1000).IteratorAgeMillis // an age is not added up
	assert.Equal(t, want, sum)

	sum.Add(metrics.Counts{})
	assert.Equal(t, want, sum, "nothing changes nothing")
}

// Seconds are one flat object of numbers, as programs outside Go read them.
func TestSecond_jsonIsFlat(t *testing.T) {
	for _, second := range []any{metrics.Second{Counts: filled(1)}, metrics.DeliverySecond{}} {
		text, err := json.Marshal(second)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		assert.Equal(t, "0001-01-01T00:00:00Z", fields["at"])
		delete(fields, "at")
		for name, value := range fields {
			assert.IsType(t, 0.0, value, name)
		}
	}
}
