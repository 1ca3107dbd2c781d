package weir_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// The longest single put while a stream grows from 4 shards to as many as its
// limits allow, all of which falls due at one moment.
func BenchmarkOnDemand_growth(b *testing.B) {
	for _, shards := range []int{10_240, 65_532} {
		b.Run(fmt.Sprint("shards=", shards), func(b *testing.B) {
			var longest, total time.Duration
			for range b.N {
				one, all := grow(b, shards)
				longest, total = max(longest, one), total+all
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest-put")
			b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms/growth")
		})
	}
}

// grow puts until a stream has grown to so many shards, and returns how long
// the longest of these puts took and how long all of them together.
func grow(b *testing.B, shards int) (longest, total time.Duration) {
	now := epoch
	c := weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Now: func() time.Time { return now }}
	c.Limits.WriteBytesPerSecond = 10_240 << 20 / rate.Limit(shards)
	c.Limits.OnDemandWriteBytesPerSecond = weir.Unlimited().OnDemandWriteBytesPerSecond
	s, err := weir.NewStream("s", c)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.SetWarmThroughput(context.Background(), 10_240); err != nil {
		b.Fatal(err)
	}
	now = now.Add(10*time.Minute + time.Minute)
	for range 200 { // more than bounded work needs
		begin := time.Now()
		if _, err := s.PutRecord(b.Context(), "k", nil); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		longest, total = max(longest, took), total+took
	}
	if n := s.Capacity().OpenShards; n != shards {
		b.Fatalf("%d shards, not %d", n, shards)
	}
	return longest, total
}
