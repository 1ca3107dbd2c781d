package twins

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// A heldSubscription is the same subscription of both.
type heldSubscription struct {
	got  *weir.Subscription
	want *model.Subscription
}

// fanOut registers consumers and reads their subscriptions.
func (w *twins) fanOut() {
	switch op := w.src.below(8); {
	case op == 0 || len(w.want.Consumers()) == 0:
		w.register()
	case op == 1 && w.src.oneIn(4):
		w.deregister()
	case op < 4 || len(w.subs) == 0:
		w.subscribe()
	case op == 4 && w.src.oneIn(4):
		sub := w.anySubscription()
		sub.got.Close()
		sub.want.Close()
	default:
		w.nextEvents(w.anySubscription(), 1+w.src.below(4))
	}
}

func (w *twins) consumerName() string { return pick(w.src, "a", "b", "a", "b", "c", "") }

func (w *twins) register() {
	name := w.consumerName()
	w.op = fmt.Sprintf("register consumer %q", name)
	got, err := w.got.RegisterConsumer(w.t.Context(), name)
	if w.sameFault(w.want.Register(name, w.now), nil, 0, err) {
		w.equal(weir.Consumer{Name: name, CreatedAt: w.clock().UTC()}, got)
	}
	w.compareConsumers()
}

func (w *twins) deregister() {
	name := w.consumerName()
	w.op = fmt.Sprintf("deregister consumer %q", name)
	w.sameFault(w.want.Deregister(name), nil, 0, w.got.DeregisterConsumer(w.t.Context(), name))
	w.compareConsumers()
}

func (w *twins) compareConsumers() {
	var want []weir.Consumer
	for _, c := range w.want.Consumers() {
		want = append(want, weir.Consumer{Name: c.Name, CreatedAt: time.Unix(0, c.Created).UTC()})
	}
	w.equal(want, w.got.Consumers())
}

func (w *twins) anySubscription() heldSubscription { return w.subs[w.src.byte()%len(w.subs)] }

func (w *twins) subscribe() {
	name, id := w.consumerName(), w.shardID()
	p, position := w.position()
	w.op = fmt.Sprintf("subscribe %q to shard %d, %v", name, id, position)
	want, wait, fault := w.want.Subscribe(name, id, p, w.now)
	got, err := w.got.Subscribe(w.t.Context(), name, weir.ShardID(id), position)
	if fault == model.Active {
		var active *weir.LimitError
		require.ErrorAs(w.t, err, &active, w.op)
		w.equal(wait, active.RetryAfter)
	}
	if !w.sameFault(fault, nil, 0, err) {
		return
	}
	const most = 8
	if sub := (heldSubscription{got, want}); len(w.subs) < most {
		w.subs = append(w.subs, sub)
	} else {
		w.subs[w.src.below(most)] = sub
	}
}

// nextEvents takes some events, if they are due.
func (w *twins) nextEvents(sub heldSubscription, most int) {
	w.op = fmt.Sprintf("next event of shard %d", sub.want.Shard)
	for range most {
		want, due, fault := sub.want.Next(w.now)
		got, ok, err := sub.got.TryNext()
		if !w.sameFault(fault, nil, 0, err) {
			return
		}
		w.equal(due, ok)
		if !due {
			return
		}
		w.sameEvent(sub.want.Shard, want, got)
	}
}

func (w *twins) sameEvent(shard int, want model.Event, got weir.Batch) {
	w.t.Helper()
	w.equal(weir.ShardID(shard), got.Shard)
	w.sameRecords(want.Records, got.Records)
	w.equal(want.Behind, got.Behind.Milliseconds())
	w.sameChildren(want.Children, got.Children)
	w.equal(want.Last, got.Last)
	if want.Last {
		return
	}
	if n := len(got.Records); n > 0 {
		w.equal(got.Records[n-1].SequenceNumber, got.Continue.Number())
	}
	place, ok := w.want.Shard(shard).Place(got.Continue.Number().Index())
	w.equal(true, ok)
	w.equal(want.Continue, place)
	_, err := w.got.Iterator(w.t.Context(), got.Shard, got.Continue)
	if f := faultOf(err); f != model.ShardNotFound {
		w.equal(model.OK, f)
	}
}
