package cost_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
)

// With shards and payload units free there is nothing that on-demand could be better
// at, and the other way round.
func TestPrices_Compare_oneSided(t *testing.T) {
	p := cost.BuiltIn()
	p.Provisioned.ShardHour, p.Provisioned.PutUnitsMillion = 0, 0
	assert.Equal(t, []cost.Reach{{Plan: cost.Provisioned}}, p.Compare(month(100, 1024, 1)).Reaches)

	p = cost.BuiltIn()
	p.OnDemand = cost.OnDemandPrices{}
	assert.Equal(t, []cost.Reach{{Plan: cost.OnDemand}}, p.Compare(month(100, 1024, 1)).Reaches)
}

// A stream-hour of 0.04 buys 2⅔ shard-hours, and on-demand data in costs more than
// shards and units per record: on-demand pays only where the peak needs many shards
// that idle otherwise.
func TestPrices_Compare_steady(t *testing.T) {
	e := cost.BuiltIn().Compare(month(1000, 1024, 1))
	require.NotEmpty(t, e.Reaches)
	assert.Equal(t, cost.Provisioned, e.Reaches[0].Plan)
	assert.NotContains(t, plansOf(e), cost.OnDemand)
}

// A workload that needs 100 shards for its peak but puts one record a second on
// average: provisioned costs 1.095 a month for each record a minute of mean rate
// (100 shards × 10.95 ÷ 1 record a second), on-demand hardly more than its
// stream-hours, 29.20. Provisioned grows by 10.95 a shard, so on-demand becomes
// cheaper when a third shard is needed, which is above 2/100 records a second.
func TestPrices_Compare_spiky(t *testing.T) {
	u := month(1, 1024, 100)
	e := cost.BuiltIn().Compare(u)
	require.GreaterOrEqual(t, len(e.Reaches), 2)
	assert.Equal(t, cost.Provisioned, e.Reaches[0].Plan)
	assert.Equal(t, cost.OnDemand, e.Reaches[1].Plan)
	assert.InEpsilon(t, 0.02, e.Reaches[1].From, 1e-6)
	assert.Equal(t, e.Reaches[0].To, e.Reaches[1].From)
	assert.Zero(t, e.Reaches[len(e.Reaches)-1].To)
}

func TestPrices_Compare_nothing(t *testing.T) {
	assert.Empty(t, cost.BuiltIn().Compare(month(0, 100, 1)).Points)
}

func plansOf(e cost.BreakEven) []cost.Plan {
	var plans []cost.Plan
	for _, r := range e.Reaches {
		plans = append(plans, r.Plan)
	}
	return plans
}
