// Command containers says how many tasks of ECS run: a rule of EventBridge puts
// their changes into a stream, by task, and a reader keeps their states.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/events/eventbridge"
	"github.com/weirstream/weir/client"
)

// A change is what the rule's transformer makes of an event.
type change struct {
	Task, Service, State string
	Version              int // rises with each change of the task
	At                   time.Time
}

const (
	pattern  = `{"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": {"group": [{"prefix": "service:"}]}}`
	template = `{"Task": <task>, "Service": <group>, "State": <state>, "Version": <version>, "At": <time>}`
)

var (
	states = []string{"PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"}
	begin  = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

func main() {
	if err := run(context.Background(), os.Stdout, events(rand.New(rand.NewPCG(1, 0)))); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, events [][]byte) error {
	s, err := weir.NewStream("tasks", weir.Config{Shards: 2})
	if err != nil {
		return err
	}
	transformer, err := eventbridge.NewTransformer(map[string]string{"task": "$.detail.taskArn", "group": "$.detail.group",
		"state": "$.detail.lastStatus", "version": "$.detail.version", "time": "$.time"}, template)
	if err != nil {
		return err
	}
	rule, err := eventbridge.NewRule(eventbridge.RuleConfig{Name: "tasks", Pattern: pattern, Targets: []eventbridge.TargetConfig{
		{ID: "stream", Stream: client.Embedded(s), Transformer: transformer, PartitionKeyPath: "$.detail.taskArn"},
	}})
	if err != nil {
		return err
	}
	if err = rule.Send(ctx, events...); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d events, of which the rule takes %d\n\n", len(events), rule.Metrics().Matched)

	tasks := map[string][]change{} // the changes of each, in the order of their versions
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			return err
		}
		var c change
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return err
		}
		at, twice := slices.BinarySearchFunc(tasks[c.Task], c, func(a, b change) int { return cmp.Compare(a.Version, b.Version) })
		if !twice { // an event may come again, and behind one that follows it
			tasks[c.Task] = slices.Insert(tasks[c.Task], at, c)
		}
	}
	showCounts(w, tasks)
	showDurations(w, tasks)
	return nil
}

// showCounts prints how many tasks are in which state, over time.
func showCounts(w io.Writer, tasks map[string][]change) {
	fmt.Fprintf(w, "time  %14s %14s %14s %14s %14s\n", states[0], states[1], states[2], states[3], states[4])
	for at := begin; !at.After(begin.Add(14 * time.Minute)); at = at.Add(2 * time.Minute) {
		counts := map[string]int{}
		for _, changes := range tasks {
			for _, c := range slices.Backward(changes) {
				if !c.At.After(at) {
					counts[c.State]++
					break
				}
			}
		}
		fmt.Fprint(w, at.Format("15:04"), " ")
		for _, state := range states {
			fmt.Fprintf(w, " %14d", counts[state])
		}
		fmt.Fprintln(w)
	}
}

func showDurations(w io.Writer, tasks map[string][]change) {
	fmt.Fprintln(w, "\ntask      service        ran for")
	for _, task := range slices.Sorted(maps.Keys(tasks)) {
		times := map[string]time.Time{}
		for _, c := range tasks[task] {
			times[c.State] = c.At
		}
		took := "still runs"
		if end := times["DEPROVISIONING"]; !end.IsZero() {
			took = end.Sub(times["RUNNING"]).String()
		}
		fmt.Fprintf(w, "%-9s %-14s %s\n", task, tasks[task][0].Service, took)
	}
}

// events makes what comes over a bus: lives of tasks, some events twice and
// some late, and what others say.
func events(random *rand.Rand) (list [][]byte) {
	add := func(at time.Duration, source, kind string, detail string) {
		e, _ := eventbridge.Event{ID: fmt.Sprint("event-", len(list)), Source: source, DetailType: kind, Account: "123456789012",
			Region: "us-east-1", Time: begin.Add(at), Detail: json.RawMessage(detail)}.JSON()
		list = append(list, e)
	}
	for i := range 12 {
		at := time.Duration(random.IntN(300)) * time.Second
		life := states
		if i == 11 {
			life = states[:3]
		}
		for version, state := range life {
			add(at, "aws.ecs", "ECS Task State Change", fmt.Sprintf(`{"taskArn": "task-%02d", "group": "service:%s", "lastStatus": %q, "version": %d}`,
				i, []string{"web", "worker"}[i%2], state, version+1))
			at += time.Duration(random.IntN([]int{20, 60, 500, 30, 1}[version])) * time.Second
		}
		add(at, "aws.ec2", "EC2 Instance State-change Notification", `{"state": "running"}`)
		list = append(list, list[random.IntN(len(list))])
	}
	for i := range list {
		j := min(len(list)-1, i+random.IntN(4))
		list[i], list[j] = list[j], list[i]
	}
	return list
}
