package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workload"
)

// benchTargets makes the streams that load is put on, one for each run.
type benchTargets struct {
	name   bench.TargetName
	stream workload.Stream
	memory int64
	client *kinesis.Client // nil for embedded ones
	keep   bool            // the stream is there and stays
}

// targets returns what makes the streams. Before load leaves this machine
// somebody has to agree.
func (f *benchFlags) targets(c *cobra.Command, w workload.Workload, opener *workfile.Opener) (*benchTargets, error) {
	t := &benchTargets{stream: w.Stream, memory: int64(f.memory), keep: f.existing != ""}
	if f.target == embeddedTarget {
		t.name = bench.TargetName{Kind: embeddedTarget, Stream: w.Stream.Name}
		return t, nil
	}
	t.name = bench.TargetName{Kind: "endpoint", Endpoint: f.target, Region: f.region, Stream: f.existing}
	if f.target == awsTarget {
		t.name.Kind, t.name.Endpoint = awsTarget, ""
	}
	if !t.keep {
		suffix := make([]byte, 4)
		_, _ = rand.Read(suffix) // never fails
		t.name.Stream = strings.TrimSuffix("weir-bench-"+w.Stream.Name, "-") + "-" + hex.EncodeToString(suffix)
	}
	if f.target == awsTarget || !bench.IsLoopback(f.target) {
		plan := benchPlan{flags: f, w: w, opener: opener, stream: t.name.Stream}
		if err := terminal.NewPrompt(c.InOrStdin(), c.ErrOrStderr(), f.yes).Ask(c.Context(), plan.String(), "Put this load on it?"); err != nil {
			return nil, err
		}
	}
	if w.Stream.Limits != (workload.Limits{}) {
		fmt.Fprintln(c.ErrOrStderr(), "weir bench: the workload's limits are not used: the target has its own")
	}
	return t, t.connect(c.Context(), f, w)
}

// connect makes the client.
func (t *benchTargets) connect(ctx context.Context, f *benchFlags, w workload.Workload) (err error) {
	w = w.WithDefaults()
	connections := w.Producers.Count + 8
	for _, consumer := range w.Consumers {
		connections += consumer.Count * max(4, w.Stream.Shards)
	}
	config := bench.ClientConfig{Endpoint: t.name.Endpoint, Region: f.region, Connections: connections, Getenv: f.getenv}
	if config.Endpoint != "" && config.Region == "" {
		config.Region = "us-east-1"
	}
	t.client, err = bench.NewClient(ctx, config)
	return err
}

// open makes the stream of the next run.
func (t *benchTargets) open(ctx context.Context) (bench.Target, error) {
	switch {
	case t.client == nil:
		return bench.OpenEmbedded(t.stream, t.memory)
	case t.keep:
		return bench.NewRemote(ctx, bench.RemoteConfig{Client: t.client, Existing: t.name.Stream})
	default:
		return bench.NewRemote(ctx, bench.RemoteConfig{Client: t.client, Stream: t.stream, Name: t.name.Stream})
	}
}

// A benchPlan says what a bench is going to do somewhere else, and what that
// costs.
type benchPlan struct {
	flags  *benchFlags
	w      workload.Workload
	opener *workfile.Opener
	stream string
}

// String returns the plan for who is to agree.
func (p benchPlan) String() string {
	var b strings.Builder
	where := p.flags.target
	if where == awsTarget {
		where = "the service in " + p.flags.region + ", with the credentials of the environment"
	}
	fmt.Fprintf(&b, "Target: %s\n", where)
	stream := p.w.WithDefaults().Stream
	switch {
	case p.flags.existing != "":
		fmt.Fprintf(&b, "Used: stream %s, which is there and keeps what is put\n", p.stream)
	case stream.Mode == workload.OnDemandMode:
		fmt.Fprintf(&b, "Made and deleted again: on-demand stream %s\n", p.stream)
	default:
		fmt.Fprintf(&b, "Made and deleted again: stream %s of %s\n", p.stream, figures.Count(stream.Shards, "shard"))
	}
	_, fanOut := cost.Readers(p.w.WithDefaults().Consumers)
	if fanOut > 0 {
		fmt.Fprintf(&b, "Registered and deregistered again: %s\n", figures.Count(fanOut, "fan-out consumer"))
	}
	if p.flags.repeat > 1 {
		fmt.Fprintf(&b, "Runs: %d\n", p.flags.repeat)
	}
	if u, err := url.Parse(p.flags.target); p.flags.target == awsTarget || err == nil && strings.HasSuffix(u.Hostname(), ".amazonaws.com") {
		b.WriteString(p.cost())
	}
	return b.String()
}

// cost says what the service is going to charge, about.
func (p benchPlan) cost() string {
	prices := cost.BuiltIn()
	bill, err := bench.Estimate(p.w, p.opener.Open, prices, p.flags.drain)
	if err != nil {
		return fmt.Sprintf("Cost: unknown: %v\n", err)
	}
	var b strings.Builder
	runs := float64(p.flags.repeat)
	fmt.Fprintf(&b, "Cost: about %s %s. This is an estimate, from figures for %s looked at on %s; they are no\nofficial prices, and hours are taken as charged whole:\n",
		prices.Currency, money(runs*bill.Total), prices.Region, prices.Date)
	for _, item := range bill.Items {
		fmt.Fprintf(&b, "  %-20s %s %s at %g\n", item.What, figures.Number(runs*item.Quantity), item.Unit, item.Price)
	}
	return b.String()
}

// money returns an amount to the cent, or less if it is less.
func money(amount float64) string {
	if amount < 0.01 && amount > 0 {
		return "0.01"
	}
	return cost.Money(amount)
}
