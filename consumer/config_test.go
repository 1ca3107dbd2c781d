package consumer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

func TestConfig_badFieldsAreNamed(t *testing.T) {
	s := streamtest.New(t, "orders", 1)
	for _, row := range []struct {
		name   string
		change func(*consumer.Config)
		want   string // "" is fine
	}{
		{"nothing is wrong", func(*consumer.Config) {}, ""},
		{"no name", func(c *consumer.Config) { c.Name = "" }, "Name: 0 bytes are not 1 to 128"},
		{"longest name", func(c *consumer.Config) { c.Name = strings.Repeat("n", 128) }, ""},
		{"name too long", func(c *consumer.Config) { c.Name = strings.Repeat("n", 129) }, "Name: 129 bytes"},
		{"worker too long", func(c *consumer.Config) { c.Worker = strings.Repeat("n", 257) }, "Worker: 257 bytes"},
		{"no streams", func(c *consumer.Config) { c.Streams = nil }, "Streams: there are none"},
		{"nil stream", func(c *consumer.Config) { c.Streams = []client.Stream{nil} }, "Streams[0]: is nil"},
		{"one stream twice", func(c *consumer.Config) { c.Streams = append(c.Streams, c.Streams[0]) }, `Streams[1]: is named "orders"`},
		{"no store", func(c *consumer.Config) { c.Store = nil }, "Store: is nil"},
		{"store of another group", func(c *consumer.Config) { c.Store = storeOf("audit") }, `Store: holds the leases of the group "audit", and not of "`},
		{"store of this group", func(c *consumer.Config) { c.Store = storeOf(c.Name) }, ""},
		{"place in a shard", func(c *consumer.Config) { c.From = weir.TrimHorizon().In(0) }, "From"},
		{"the future", func(c *consumer.Config) { c.From = weir.AtTime(time.Now().Add(time.Hour)) }, "From"},
		{"no such policy of positions", func(c *consumer.Config) { c.Expired = 2 }, "Expired: 2"},
		{"no such policy", func(c *consumer.Config) { c.OnError = 4 }, "OnError: 4"},
		{"attempts of a policy that has none", func(c *consumer.Config) { c.Attempts = 3 }, "Attempts: 3, but"},
		{"negative attempts", func(c *consumer.Config) { c.OnError, c.Attempts = consumer.Skip, -1 }, "Attempts: -1"},
		{"dead letters to nobody", func(c *consumer.Config) { c.OnError = consumer.DeadLetter }, "DeadLetter"},
		{"dead letters of another policy", func(c *consumer.Config) {
			c.DeadLetter = func(context.Context, *consumer.Batch, error) error { return nil }
		}, "DeadLetter"},
		{"too many records", func(c *consumer.Config) { c.MaxRecords = 10_001 }, "MaxRecords: 10001 records are not 1 to 10000"},
		{"failover too short", func(c *consumer.Config) { c.Failover = 99 * time.Millisecond }, "Failover: 99ms is not 100ms to 1h0m0s"},
		{"shortest failover", func(c *consumer.Config) { c.Failover = 100 * time.Millisecond }, ""},
		{"failover too long", func(c *consumer.Config) { c.Failover, c.Patience = time.Hour+1, 2*time.Hour }, "Failover: 1h0m0.000000001s"},
		{"margin of the whole", func(c *consumer.Config) { c.Margin = 6 * time.Second }, "Margin: 6s is not 1ns to 5s"},
		{"patience under failover", func(c *consumer.Config) { c.Patience = 9 * time.Second }, "Patience: 9s is not 10s to 24h0m0s"},
		{"sync too often", func(c *consumer.Config) { c.SyncEvery = time.Millisecond }, "SyncEvery: 1ms"},
		{"checkpoint too seldom", func(c *consumer.Config) { c.CheckpointEvery = 2 * time.Hour }, "CheckpointEvery: 2h0m0s"},
		{"each batch a checkpoint", func(c *consumer.Config) { c.CheckpointEvery = -1 }, ""},
		{"negative bound", func(c *consumer.Config) { c.MaxLeases = -1 }, "MaxLeases: -1 is negative"},
		{"back-off over its bound", func(c *consumer.Config) { c.Backoff, c.MaxBackoff = time.Minute, time.Second }, "MaxBackoff: 1s"},
		{"negative wait", func(c *consumer.Config) { c.SlowAfter = -1 }, "SlowAfter: -1ns"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := config(s, new(lease.Memory), "w", new(diary).handler("w"))
			row.change(&c)
			_, err := consumer.New(c)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, weir.ErrInvalidArgument)
			assert.ErrorContains(t, err, row.want)
		})
	}
}

func TestConfig_namesAllThatIsWrong(t *testing.T) {
	_, err := consumer.New(consumer.Config{MaxLeases: -1})
	for _, field := range []string{"Name", "Streams", "Store", "MaxLeases"} {
		assert.ErrorContains(t, err, field)
	}
}

// A groupStore is a store that says of which group it is, as a lease.Dir does.
type groupStore struct {
	*lease.Memory
	group string
}

func (s groupStore) Group() string { return s.group }

func storeOf(group string) lease.Store { return groupStore{new(lease.Memory), group} }
