// Command whatif asks what becomes of a sale: a shop whose traffic is four times as
// high for a quarter of an hour. How many shards does it need, would an on-demand stream have
// kept up, and how long does billing take to come back after an outage?
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// sale is half an hour with a sale in it.
func sale() simulate.Config {
	at := func(d time.Duration) workload.Duration { return workload.Duration(d) }
	return simulate.Config{
		Step: 100 * time.Millisecond,
		Workload: workload.Workload{
			Duration: at(30 * time.Minute),
			Traffic: []workload.Traffic{{Rate: workload.Rate{Steps: []workload.Step{
				{Rate: 1500}, {At: at(5 * time.Minute), Rate: 6000}, {At: at(20 * time.Minute), Rate: 1500},
			}}}},
		},
	}
}

func run(ctx context.Context, w io.Writer) error {
	fmt.Fprintln(w, "shards  throttled  worst second  from    to")
	err := simulate.Sweep(ctx, sale(), []int{3, 6, 9}, func(n int, r *simulate.Result) {
		fmt.Fprintf(w, "%6d  %7.2f %%", n, 100*r.ThrottledShare())
		if len(r.Episodes) > 0 {
			last := r.Episodes[len(r.Episodes)-1]
			fmt.Fprintf(w, "  %4d records  %-6v  %v", r.Worst[0].ThrottledRecords, r.Episodes[0].From, last.To)
		}
		fmt.Fprintln(w)
	})
	if err != nil {
		return err
	}
	fit, err := simulate.FindShards(ctx, sale(), 0)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "smallest number without a throttle:", fit.Shards)

	c := sale()
	c.Workload.Stream.Mode = workload.OnDemandMode
	r, err := simulate.Run(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "on-demand: %d shards at first, throttled from %v, recovered at %v with %d shards, %.1f %% in all\n",
		r.FirstShards, r.OnDemand.FirstThrottled, r.OnDemand.Recovered, r.MostShards, 100*r.ThrottledShare())

	c = sale().WithShards(fit.Shards)
	c.Workload.Consumers = []workload.Consumer{{Name: "billing", PerRecord: workload.Duration(time.Millisecond)}}
	o, err := simulate.CatchUp(ctx, c, "billing", 5*time.Minute)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "after five minutes away billing has %d records to read and needs %v\n", o.Backlog, o.CatchUp.Round(time.Second))
	return nil
}
