package twins

import (
	"fmt"
	"math/big"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// A heldPlan is the same plan of both, to be carried out later.
type heldPlan struct {
	got  []weir.Reshard
	want model.Plan
}

// changeShards splits, merges, resizes, or lists shards.
func (w *twins) changeShards() {
	switch w.src.below(8) {
	case 0, 1:
		w.split()
	case 2:
		w.merge()
	case 3:
		w.resize()
	case 4:
		w.plan()
	case 5:
		w.resizeAsPlanned()
	default:
		w.listShards()
	}
}

func (w *twins) split() {
	id, at := w.shardID(), w.hash()
	w.op = fmt.Sprintf("split shard %d at %v", id, at)
	children, err := w.got.SplitShard(w.t.Context(), weir.ShardID(id), at)
	want, fault := w.want.Split(id, bigKey(at), w.now)
	if w.sameFault(fault, nil, 0, err) {
		w.equal(ids(want), children[:])
	}
}

func (w *twins) merge() {
	a, b := w.shardID(), w.shardID()
	for _, sh := range w.want.Shards(w.now) {
		if first := w.want.Shards(w.now); !w.src.oneIn(4) && !sh.Closed && a < len(first) {
			if lower := w.want.Shard(max(0, a)); new(big.Int).Add(lower.End, big.NewInt(1)).Cmp(sh.Start) == 0 {
				b = sh.ID
			}
		}
	}
	w.op = fmt.Sprintf("merge shards %d and %d", a, b)
	child, err := w.got.MergeShards(w.t.Context(), weir.ShardID(a), weir.ShardID(b))
	want, fault := w.want.Merge(a, b, w.now)
	if w.sameFault(fault, nil, 0, err) {
		w.equal(ids(want), []weir.ShardID{child})
	}
}

// target picks a number of shards.
func (w *twins) target() int {
	open := len(w.want.Open())
	return pick(w.src, 2*open, open/2, open+1, open-1, (open+1)/2, 3*open, open, 5, 8, 13, 0, -1, 1)
}

// resize resizes both at once.
func (w *twins) resize() { w.resizeTo(w.target()) }

func (w *twins) resizeTo(target int) []weir.Reshard {
	w.op = fmt.Sprintf("resize %d shards to %d", len(w.want.Open()), target)
	want, refusals, fault := w.want.PlanResize(target, w.now)
	got, err := w.got.Resize(w.t.Context(), target)
	if w.sameResize(fault, refusals, err) {
		w.carryOut(heldPlan{got, want})
	}
	return got
}

// plan makes a plan and keeps it.
func (w *twins) plan() {
	target := w.target()
	w.op = fmt.Sprintf("plan a resize of %d shards to %d", len(w.want.Open()), target)
	want, refusals, fault := w.want.PlanResize(target, w.now)
	got, err := w.got.PlanResize(target)
	if !w.sameResize(fault, refusals, err) {
		return
	}
	splits, merges := w.want.Fewest(want)
	w.equal(splits+merges, len(got))
	const most = 4
	if p := (heldPlan{got, want}); len(w.plans) < most {
		w.plans = append(w.plans, p)
	} else {
		w.plans[w.src.below(most)] = p
	}
}

// resizeAsPlanned resizes to a target that was planned before. If the shards
// have not changed since, that takes the steps of the plan.
func (w *twins) resizeAsPlanned() {
	p := heldPlan{}
	if len(w.plans) > 0 {
		p = w.plans[w.src.byte()%len(w.plans)]
	}
	stale := w.want.Stale(p.want)
	if got := w.resizeTo(p.want.Target); got != nil && !stale {
		w.equal(p.got, got)
	}
}

// sameResize is sameFault for a resize: one of the rules that refuse must be
// named, with its number.
func (w *twins) sameResize(fault model.Fault, refusals []model.Refusal, err error) bool {
	w.t.Helper()
	ok := w.sameFault(fault, nil, 0, err)
	if fault != model.ResizeRefused {
		return ok
	}
	rules := map[weir.Quota]model.Rule{
		weir.QuotaResizeUp: model.TooLarge, weir.QuotaResizeDown: model.TooSmall,
		weir.QuotaShards: model.AboveMaximum, weir.QuotaResizes: model.TooOften,
	}
	var refused *weir.LimitError
	require.ErrorAs(w.t, err, &refused)
	got := model.Refusal{Rule: rules[refused.Quota], Limit: refused.Most, Wait: refused.RetryAfter}
	require.Contains(w.t, refusals, got, w.op)
	return false
}

// carryOut does the steps on the model that the engine has done.
func (w *twins) carryOut(p heldPlan) {
	var steps []model.Step
	for _, st := range p.got {
		step := model.Step{Parents: numbersOf(st.Parents), Children: numbersOf(st.Children)}
		if st.IsSplit() {
			step.At = bigKey(st.At)
			require.False(w.t, len(steps) > 0 && steps[len(steps)-1].At == nil, "a split comes after a merge")
		}
		steps = append(steps, step)
	}
	require.NoError(w.t, w.want.CarryOut(p.want, steps, w.now), w.op)
	w.equal(p.want.Target, len(w.want.Open()))
}

func numbersOf(ids []weir.ShardID) (list []int) {
	for _, id := range ids {
		list = append(list, int(id))
	}
	return list
}

// listShards compares the shards that a query chooses, page by page.
func (w *twins) listShards() {
	at := w.clock().Add(-pick(w.src, 0, time.Millisecond, time.Second, time.Minute, time.Hour, 24*time.Hour, 9000*time.Hour, -time.Hour))
	if all := w.want.Shards(w.now); w.src.oneIn(2) { // exactly when a shard was opened, or near
		at = time.UnixMilli(all[w.src.byte()%len(all)].Opened + int64(w.src.below(3)) - 1)
	}
	q := model.Query{
		Filter: model.Filter(w.src.below(6)), ID: w.shardID(), Ms: at.UnixMilli(), Limit: pick(w.src, 0, 1, 2, 5, -1),
	}
	if w.src.oneIn(32) {
		q.Filter = pick(w.src, model.AfterShardID+1, -1)
	}
	w.op = fmt.Sprintf("list shards %+v", q)
	query := weir.ShardQuery{
		Filter: weir.ShardFilter(q.Filter), ShardID: weir.ShardID(q.ID), Time: at, Limit: q.Limit,
	}
	for again := true; again; {
		got, err := w.got.ListShards(w.t.Context(), query)
		want, fault := w.want.ListShards(q, w.now)
		again = w.sameFault(fault, nil, 0, err) && q.Limit > 0 && len(want) == q.Limit
		w.sameShards(want, got)
		if again {
			q.From = want[len(want)-1].ID + 1
			query.From = weir.ShardID(q.From)
		}
	}
}

// compareShards compares the descriptions of all shards.
func (w *twins) compareShards() {
	w.op = "list shards"
	want, _ := w.want.ListShards(model.Query{}, w.now)
	w.sameShards(want, w.got.Shards())
}

// sameShards fails the test unless descriptions are those of the model's
// shards.
func (w *twins) sameShards(shards []*model.Shard, got []weir.Shard) {
	w.t.Helper()
	var want []weir.Shard
	for _, sh := range shards {
		d := weir.Shard{
			ID:           weir.ShardID(sh.ID),
			HashKeyRange: weir.HashKeyRange{Start: keyOfBig(sh.Start), End: keyOfBig(sh.End)},
			Parents:      ids(sh.Parents), Children: ids(sh.Children),
			StartingSequenceNumber: w.mustNumber(model.Number(sh.Created, sh.ID, 0, sh.Created)),
			OpenedAt:               time.UnixMilli(sh.Opened).UTC(),
		}
		if sh.Closed {
			d.EndingSequenceNumber = w.mustNumber(model.Number(sh.Created, sh.ID, 1<<63-1, sh.EndSecond))
			d.ClosedAt = time.UnixMilli(sh.ClosedAt).UTC()
		}
		want = append(want, d)
	}
	w.equal(want, got)
}

func (w *twins) mustNumber(s string) weir.SequenceNumber {
	n, err := weir.ParseSequenceNumber(s)
	require.NoError(w.t, err)
	return n
}
