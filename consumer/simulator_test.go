package consumer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

var (
	groups     = flag.Int("groups", 200, "how many groups are simulated; 10000 take some minutes")
	groupTrace = flag.Bool("group-trace", false, "tell what happens in the groups that are simulated")
	groupSeed  = flag.Uint64("group-seed", uint64(time.Now().UnixNano()), "of the first group that is simulated; each next one has the next seed")
)

// Whatever befalls a group, no record is lost, no checkpoint goes back or covers
// what nobody processed, the state is of its checkpoint, parents come before
// children, the records of a key in order, one handler works in a shard at a
// time, and records come again after an unclean event only.
func TestGroup_simulated(t *testing.T) {
	t.Log("seed", *groupSeed)
	for i := range *groups {
		seed := *groupSeed + uint64(i)
		violated := simulate(t, seed, none)
		require.Empty(t, violated, "-group-seed=%d -groups=1", seed)
	}
}

// The simulation finds what it is for.
func TestGroup_simulationFindsFaults(t *testing.T) {
	for fault, says := range map[mutation]string{
		unconditional: "went back",
		ignoredParent: "begins before its parent",
		outstaying:    "begins while another handler is at work",
		forgetful:     "checkpoint over a record that nobody processed",
	} {
		t.Run(string(fault), func(t *testing.T) {
			for seed := range uint64(300) {
				for _, violation := range simulate(t, seed, fault) {
					if strings.Contains(violation, says) {
						t.Log("found with seed", seed)
						return
					}
				}
			}
			assert.Fail(t, "nothing was found")
		})
	}
}

// simulate runs a group and returns what did not hold.
func simulate(t *testing.T, seed uint64, fault mutation) (violated []string) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		stream, err := weir.NewStream("orders", weir.Config{Shards: 1 + random.IntN(5), Limits: weir.Unlimited()})
		require.NoError(t, err)
		w := newWorld(stream, seed, random)
		w.fault = fault
		w.unclean = random.IntN(3) > 0
		w.holds = fault == none && random.IntN(3) == 0
		s := &simulation{t: t, w: w, seed: seed, failover: []time.Duration{time.Second, 3 * time.Second, 10 * time.Second}[random.IntN(3)],
			every: []time.Duration{-1, 100 * time.Millisecond, time.Second}[random.IntN(3)], watch: random.IntN(2) == 0, weighted: random.IntN(3) == 0, bisect: random.IntN(2) == 0}
		if random.IntN(3) == 0 {
			s.from = weir.AtTime(time.Now())
		}
		switch random.IntN(6) {
		case 0:
			s.reading.Polling = true
		case 1:
			s.reading.Consumer = "simulated"
			_, err := stream.RegisterConsumer(t.Context(), "simulated")
			require.NoError(t, err)
		}
		for range 1 + random.IntN(3) {
			s.begin()
		}
		for range 15 + random.IntN(15) {
			s.step()
			time.Sleep(w.upTo(4 * time.Second))
		}
		s.finish()
		violated = w.violated
	})
	return violated
}

// A simulation is a world with workers that come and go.
type simulation struct {
	t        *testing.T
	w        *world
	seed     uint64
	failover time.Duration
	every    time.Duration
	watch    bool
	weighted bool
	bisect   bool
	from     weir.Position
	reading  client.Reading
	born     int
	alive    []*living
}

// A living worker runs.
type living struct {
	*worker
	stop context.CancelFunc
	done chan error
}

// begin adds a worker.
func (s *simulation) begin() {
	s.born++
	// A call of the store that takes a quarter of the failover time is given up.
	slow := s.failover / 9
	if s.w.unclean {
		slow = max(slow, 200*time.Millisecond)
	}
	k := &living{worker: &worker{w: s.w, name: fmt.Sprint("worker-", s.born), slow: s.w.upTo(slow)}, done: make(chan error, 1)}
	var store lease.Store = k.worker
	if s.watch {
		store = watched{k.worker}
	}
	var logger *slog.Logger
	if *groupTrace {
		logger = slog.New(slog.NewTextHandler(os.Stdout, nil))
	}
	failover := s.failover
	if s.w.fault == outstaying && s.born%2 == 0 {
		failover *= 8 // it believes that it has its leases for longer than others do
	}
	g, err := consumer.New(consumer.Config{
		Logger: logger,
		Name:   "simulated", Streams: []client.Stream{client.Embedded(s.w.stream)}, Store: store, Worker: k.name, Handler: k.handle,
		Failover: failover, Patience: 2 * failover, CheckpointEvery: s.every, MaxRecords: 7, Weighted: s.weighted, Bisect: s.bisect, From: s.from, Reading: s.reading, SyncEvery: 5 * time.Second,
		StartWithin: time.Hour, MaxBackoff: time.Second, Random: rand.NewPCG(s.seed, uint64(s.born)),
	})
	require.NoError(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	go func() { k.done <- g.Run(ctx) }()
	s.alive = append(s.alive, k)
}

// end ends a worker in order.
func (s *simulation) end(i int) {
	k := s.alive[i]
	s.alive = append(s.alive[:i:i], s.alive[i+1:]...)
	k.stop()
	err := <-k.done
	var stuck *consumer.StuckError // its handler slept through the end
	if err != nil && !(s.w.unclean && errors.As(err, &stuck)) {
		s.w.mu.Lock()
		s.w.violation("%s: %v", k.name, err)
		s.w.mu.Unlock()
	}
}

// step does one thing of many.
func (s *simulation) step() {
	w := s.w
	what, unclean := w.random.IntN(12), w.unclean
	i, shards := 0, 1+w.random.IntN(6)
	if len(s.alive) > 0 {
		i = w.random.IntN(len(s.alive))
	}
	n := w.random.IntN(60)
	switch {
	case what < 5:
		w.put(n)
	case what < 7:
		w.put(n / 2)
		w.reshard(shards)
		w.put(n / 2)
	case what == 7 && len(s.alive) < 5:
		s.begin()
	case what == 8 && len(s.alive) > 0:
		s.end(i)
	case !unclean || len(s.alive) == 0:
		w.put(n)
	case what == 9: // it is killed
		k := s.alive[i]
		s.alive = append(s.alive[:i:i], s.alive[i+1:]...)
		k.worker.mu.Lock()
		k.dead = true
		k.worker.mu.Unlock()
		k.stop()
		s.t.Cleanup(func() { <-k.done })
	case what == 10: // it is paused
		k := s.alive[i]
		k.worker.mu.Lock()
		k.paused = time.Now().Add(w.upTo(4 * s.failover))
		k.worker.mu.Unlock()
	default: // the store is out
		w.mu.Lock()
		w.outage = time.Now().Add(w.upTo(time.Minute))
		w.mu.Unlock()
	}
}

// finish lets a calm group process what is left.
func (s *simulation) finish() {
	w := s.w
	w.mu.Lock()
	w.calm, w.outage = true, time.Time{}
	w.mu.Unlock()
	if len(s.alive) == 0 {
		s.begin()
	}
	for range 1200 {
		if w.left() == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	if n := w.left(); n > 0 {
		w.mu.Lock()
		w.violation("%d records are not processed after 20 minutes", n)
		w.mu.Unlock()
		if w.fault == none {
			s.t.Log(w.unprocessed())
		}
	}
	time.Sleep(time.Minute)
	for len(s.alive) > 0 {
		s.end(0)
	}
	rows, _ := w.store.List(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range rows {
		id, _ := weir.ParseShardID(l.Key)
		if n := w.covered(id, l.Checkpoint); n != len(w.records[id]) {
			w.violation("%v: after the end the checkpoint is at record %d of %d", id, n, len(w.records[id]))
		}
	}
}
