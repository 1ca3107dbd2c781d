package simulate

import (
	"context"
	"fmt"
)

// Sweep simulates the same workload with several numbers of shards to begin with,
// and calls each with the result of each, in the order of shards. When ctx ends,
// the result of the run that was under way is the last one, with Interrupted set.
// [Config.Each] is called for each run.
func Sweep(ctx context.Context, c Config, shards []int, each func(n int, r *Result)) error {
	var hot hotKey
	for _, n := range shards {
		if ctx.Err() != nil {
			return nil
		}
		if n < 1 {
			return fmt.Errorf("shards: %d is less than 1", n)
		}
		s, err := newSimulation(ctx, c.WithShards(n))
		if err != nil {
			return err
		}
		s.hot = hot.fresh()
		r, err := s.run()
		if err != nil {
			return fmt.Errorf("with %d shards: %w", n, err)
		}
		hot = s.hot
		each(n, r)
	}
	return nil
}

// WithShards returns c with another number of shards to begin with.
func (c Config) WithShards(n int) Config {
	c.Workload.Stream.Shards = n
	return c
}

// fresh returns the same key with nothing counted.
func (h hotKey) fresh() hotKey { return hotKey{key: h.key, known: h.known} }
