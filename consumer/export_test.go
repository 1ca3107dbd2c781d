package consumer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// FirstLeases and MissingLeases return the leases that a sync makes, "shard
// checkpoint" each.
func FirstLeases(shards []weir.Shard, from weir.Position) []string {
	return starts(firstLeases(shards, from))
}

func MissingLeases(shards []weir.Shard, leased func(weir.ShardID) bool, from weir.Position) []string {
	return starts(missingLeases(shards, leased, from))
}

func starts(list []start) (texts []string) {
	for _, s := range list {
		texts = append(texts, fmt.Sprint(int(s.shard.ID), " ", s.checkpoint))
	}
	return texts
}

// A Machine is the machine of a worker, for tests that have no goroutines.
type Machine struct{ m *machine }

func NewMachine(c Config) Machine {
	return Machine{newMachine(c.withDefaults(), rand.New(rand.NewPCG(1, 1)))}
}

func (m Machine) List(now time.Duration, leases ...lease.Lease) { m.m.list(leases, now) }

// Decide returns the keys of what is to be taken, and what is to be asked for.
func (m Machine) Decide(now time.Duration) (take []string, ask string, next time.Duration) {
	d := m.m.decide(func(key string) bool { return m.m.seen[key].Owner == m.m.worker }, now)
	for _, l := range d.take {
		take = append(take, l.Key)
	}
	if d.ask != nil {
		ask = d.ask.Key
	}
	return take, ask, d.next
}

func (m Machine) Asked(key string, now time.Duration) { m.m.ask(key, now) }

func (m Machine) Blocked(l lease.Lease) bool { return m.m.blocked(l) }

func (m Machine) Disposable() (keys []string) {
	for _, l := range m.m.disposable() {
		keys = append(keys, l.Key)
	}
	return keys
}

// FirstText is how FirstLeases names a shard.
func FirstText(id int, from weir.Position) string { return fmt.Sprint(id, " ", from.Kind()) }

// LateTenure begins a tenure whose write was done later than the lease lasts,
// and returns why it ended.
func LateTenure(g *Group) error {
	g.base = context.Background()
	var t tenure
	t.begin(g, lease.Lease{Key: "shardId-000000000000"}, g.now()-g.config.Failover)
	<-t.ctx.Done()
	return context.Cause(t.ctx)
}
