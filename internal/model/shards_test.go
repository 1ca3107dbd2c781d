package model

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func resizable() Config {
	c := config()
	c.ResizeFactor, c.MaxShards, c.ResizesPerDay, c.ModeSwitchesPerDay = 2, 5, 1, 1
	return c
}

func TestStream_resizes(t *testing.T) {
	s := New(resizable(), 0)
	p, _, f := s.PlanResize(3, 0)
	require.Equal(t, OK, f)
	splits, merges := s.Fewest(p)
	assert.Equal(t, [2]int{2, 1}, [2]int{splits, merges})
	thirds := evenStarts(3)
	steps := []Step{
		{Parents: []int{0}, Children: []int{2, 3}, At: thirds[1]},
		{Parents: []int{1}, Children: []int{4, 5}, At: thirds[2]},
		{Parents: []int{3, 4}, Children: []int{6}},
	}
	require.NoError(t, s.CarryOut(p, steps, 0))
	assert.True(t, s.Stale(p))
	_, refusals, f := s.PlanResize(7, 0)
	assert.Equal(t, ResizeRefused, f)
	assert.Equal(t, []Refusal{{TooLarge, 6, 0}, {AboveMaximum, 5, 0}}, refusals)
	_, refusals, _ = s.PlanResize(4, day-1)
	assert.Equal(t, []Refusal{{TooOften, 1, 1}}, refusals)
	_, _, f = s.PlanResize(4, day)
	assert.Equal(t, OK, f)
}

func TestStream_carriesOutNoOtherPlan(t *testing.T) {
	s := New(resizable(), 0)
	p, _, _ := s.PlanResize(1, 0)
	assert.ErrorContains(t, s.CarryOut(p, nil, 0), "1 more merges")
	assert.ErrorContains(t, s.CarryOut(p, []Step{{Parents: []int{0, 1}, Children: []int{3}}}, 0), "children [2]")
}

func TestStream_listsShards(t *testing.T) {
	s := New(config(), second)
	_, f := s.Split(0, big.NewInt(1000), 5*second)
	require.Equal(t, OK, f)
	for _, row := range []struct {
		query Query
		want  []int
	}{
		{Query{}, []int{0, 1, 2, 3}},
		{Query{Filter: AtTrimHorizon}, []int{0, 1}},
		{Query{Filter: AtLatest}, []int{1, 2, 3}},
		{Query{Filter: AtTimestamp, Ms: 4999}, []int{0, 1}},
		{Query{Filter: AtTimestamp, Ms: 5000}, []int{0, 1, 2, 3}},
		{Query{Filter: FromTimestamp, Ms: 5001}, []int{1, 2, 3}},
		{Query{Filter: AfterShardID, ID: 1}, []int{2, 3}},
		{Query{From: 1, Limit: 2}, []int{1, 2}},
	} {
		list, f := s.ListShards(row.query, 6*second)
		require.Equal(t, OK, f)
		var got []int
		for _, sh := range list {
			got = append(got, sh.ID)
		}
		assert.Equal(t, row.want, got, "%+v", row.query)
	}
}

func TestTraversal_findsWhatIsWrong(t *testing.T) {
	s := New(config(), 0)
	for _, data := range []string{"1", "2"} {
		s.Put(Entry{Key: "a", Data: data}, 0)
	}
	children, _ := s.Split(0, s.Shard(0).middle(), second)
	s.Put(Entry{Key: "a", Data: "3"}, second)
	tr, f := s.Traverse(Position{}, second)
	require.Equal(t, OK, f)
	old := s.Readable(0, second)
	child := children[0]
	if len(s.Readable(child, second)) == 0 {
		child = children[1]
	}
	young := s.Readable(child, second)
	assert.ErrorContains(t, tr.Take(child, young, second), "before 2 records")
	assert.ErrorContains(t, tr.Take(0, old[1:], second), "is due")
	require.NoError(t, tr.Take(0, old, second))
	assert.ErrorContains(t, tr.Take(0, old, second), "has 0 left")
	assert.Equal(t, 1, tr.Rest(second))
	require.NoError(t, tr.Take(child, young, second))
	assert.Zero(t, tr.Rest(second))
}

// 1,000 bytes a second are a shard's limit; 31,000 in a minute are above its
// share.
func TestStream_scales(t *testing.T) {
	c := resizable()
	c.Shards, c.WriteBytes, c.OnDemandBytes, c.OnDemand = 4, 1000, 20_000, true
	s := New(c, 0)
	for i := range int64(31) {
		require.Equal(t, OK, s.Put(Entry{Key: "k", Data: string(make([]byte, 999))}, i*second).Fault)
	}
	s.CatchUp(11*minute - 1)
	assert.Len(t, s.Open(), 4)
	s.CatchUp(11 * minute)
	assert.Len(t, s.Open(), 5)
	s.CatchUp(120*minute - 1)
	assert.Len(t, s.Open(), 5)
	s.CatchUp(120 * minute)
	assert.Len(t, s.Open(), 4)
	_, f := s.SetMode(false, 121*minute)
	require.Equal(t, OK, f)
	wait, f := s.SetMode(true, 122*minute)
	assert.Equal(t, TooManySwitches, f)
	assert.EqualValues(t, day-minute, wait)
}

func TestSubscription_ends(t *testing.T) {
	c := config()
	c.Consumers, c.SubscriptionLifetime, c.SubscribeTakeover, c.IdleEventInterval = 1, 300e9, 5e9, 5e9
	c.EventRecords, c.EventBytes = 10, 100
	s := New(c, 0)
	require.Equal(t, OK, s.Register("c", 0))
	assert.Equal(t, TooManyConsumers, s.Register("d", 0))
	sub, _, f := s.Subscribe("c", 0, Position{}, 0)
	require.Equal(t, OK, f)
	_, due, _ := sub.Next(0)
	assert.True(t, due)
	_, due, _ = sub.Next(5*second - 1)
	assert.False(t, due)
	_, wait, f := s.Subscribe("c", 0, Position{}, 5*second-1)
	assert.Equal(t, Active, f)
	assert.EqualValues(t, 1, wait)
	_, _ = s.Split(0, s.Shard(0).middle(), 5*second)
	e, due, f := sub.Next(5 * second)
	assert.Equal(t, OK, f)
	assert.True(t, due && e.Last)
	assert.Equal(t, []int{2, 3}, e.Children)
	_, _, f = sub.Next(5 * second)
	assert.Equal(t, SubscriptionEnded, f)
}
