package consumer_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// On a machine that is busy the write that takes a lease may be done when the
// lease is over: the timer that ends the tenure fires while it is being set.
func TestTenure_isOverWhenItBegins(t *testing.T) {
	g, err := consumer.New(consumer.Config{
		Name: "late", Streams: []client.Stream{client.Embedded(streamtest.New(t, "orders", 1))}, Store: new(lease.Memory),
	})
	require.NoError(t, err)
	for range 100 {
		assert.ErrorIs(t, consumer.LateTenure(g), consumer.ErrLeaseLost)
	}
}
