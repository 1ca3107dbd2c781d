package simulate_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// What becomes of 1,500 records a second on one shard?
func Example() {
	r, err := simulate.Run(context.Background(), simulate.Config{
		Workload: workload.Workload{
			Duration:  workload.Duration(time.Minute),
			Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 1500}}},
			Consumers: []workload.Consumer{{Name: "billing"}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d records offered, %d accepted, %.1f %% throttled\n",
		r.OfferedRecords, r.AcceptedRecords, 100*r.ThrottledShare())
	for _, e := range r.Episodes {
		fmt.Println("throttled from", e.From, "to", e.To)
	}
	for _, c := range r.Consumers {
		fmt.Println(c.Name, "read", c.ReadRecords, "and was at most", c.MaxAge, "behind")
	}
	// Output:
	// 90000 records offered, 60999 accepted, 32.2 % throttled
	// throttled from 1s to 1m0s
	// billing read 60000 and was at most 1s behind
}

// How many shards does it take? One of eight takes the 750 records a second of the
// busiest key and its part of the others.
func ExampleFindShards() {
	c := simulate.Config{
		Workload: workload.Workload{
			Duration: workload.Duration(10 * time.Minute),
			Traffic: []workload.Traffic{{
				Rate: workload.Rate{Constant: 2500},
				Keys: workload.Keys{Hot: []workload.HotKey{{Key: "whale", Share: 0.3}}},
			}},
		},
		Step: 100 * time.Millisecond,
	}
	fit, err := simulate.FindShards(context.Background(), c, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fit.Shards, "shards")

	c.Workload.Traffic[0].Keys.Hot[0].Share = 0.6
	fit, err = simulate.FindShards(context.Background(), c, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fit.Why)
	// Output:
	// 8 shards
	// the busiest key alone, "whale", needs 1.5 shards and would be throttled with one of its own: no number of shards is enough
}

// How long does a consumer need after half an hour?
func ExampleCatchUp() {
	o, err := simulate.CatchUp(context.Background(), simulate.Config{
		Workload: workload.Workload{
			Duration:  workload.Duration(4 * time.Hour),
			Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 600}}},
			Consumers: []workload.Consumer{{Name: "billing", PerRecord: workload.Duration(time.Millisecond)}},
		},
		Step: 100 * time.Millisecond,
	}, "billing", 30*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d records to read, %v to read them\n", o.Backlog, o.CatchUp.Round(time.Minute))
	// Output:
	// 1080600 records to read, 45m0s to read them
}
