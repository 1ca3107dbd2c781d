package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/queue"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// lagsOf returns the rows of a table of lag by shard, cells as text.
func lagsOf(t *testing.T, page, table string) (rows []string) {
	t.Helper()
	_, rest, ok := strings.Cut(page, `aria-label="`+table+`"`)
	if !ok {
		return nil
	}
	body, _, _ := strings.Cut(rest, "</table>")
	for _, row := range strings.Split(body, "<tr>")[2:] {
		var cells []string
		for _, cell := range strings.Split(row, "</t") {
			if text := strings.TrimSpace(tags.ReplaceAllString("<"+cell, "")); text != "" {
				cells = append(cells, text)
			}
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	return rows
}

// Whoever reads a stream is shown with what is left to read in each shard:
// registered consumers, groups, queues, and readers of the process.
func TestConsole_showsLagByShard(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Shards: 3, Now: clock})
	to := func(id weir.ShardID, n int) (at weir.Placed) {
		key := s.Shards()[id].HashKeyRange.Start
		for range n {
			var err error
			at, err = s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &key, Data: []byte("x")})
			require.NoError(t, err)
		}
		return at
	}
	_, err := s.RegisterConsumer(t.Context(), "billing")
	require.NoError(t, err)
	for id := range weir.ShardID(2) {
		sub, err := s.Subscribe(t.Context(), "billing", id, weir.TrimHorizon())
		require.NoError(t, err)
		if id == 1 {
			sub.Close()
		}
	}
	reader, err := s.NewReader("index", weir.TrimHorizon())
	require.NoError(t, err)
	defer reader.Close()
	q, err := queue.New(s, queue.Config{Name: "mail", Settings: queue.Settings{MaxReceives: 1, Visibility: -1}})
	require.NoError(t, err)
	to(0, 1)
	list, err := q.TryReceive(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, list, 1, "it is a dead letter at once")
	first := to(0, 4)
	to(1, 12)
	now = now.Add(3 * time.Second)
	store := new(lease.Memory)
	for i, at := range []string{first.SequenceNumber.String(), lease.TrimHorizon, "SHARD_END"} {
		require.NoError(t, store.Create(t.Context(), lease.Lease{Key: weir.ShardID(i).String(), Stream: "orders", Owner: fmt.Sprint("worker-", i), Checkpoint: lease.Checkpoint{Sequence: at}}))
	}
	require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "shardId-000000000077", Stream: "orders", Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
	c := newClient(t, console.Config{
		Source: console.Streams(s), Now: clock,
		Groups: func(context.Context) ([]console.Group, error) {
			return []console.Group{{Name: "audit", Store: store}}, nil
		},
		Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
			return []console.Queue{console.WorkQueue(q)}, nil
		},
	})
	page := c.get("readers?name=orders")
	assert.Equal(t, []string{
		"shardId-000000000000 | 5 | 3.0 s", "shardId-000000000001 | 12 | 3.0 s | subscription ended",
	}, lagsOf(t, page, "Shards of consumer billing"))
	assert.Contains(t, page, "Not subscribed: shardId-000000000002<")
	assert.Equal(t, []string{
		"shardId-000000000000 | 0 | 0 s | worker-0 | " + first.SequenceNumber.String(), "shardId-000000000001 | 12 | 3.0 s | worker-1 | TRIM_HORIZON",
		"shardId-000000000077 | — | — | nobody | TRIM_HORIZON | not there any more",
	}, lagsOf(t, page, "Shards of group audit"))
	assert.Contains(t, page, "12 records behind, 3.0 s old; 3 workers; 1 shard finished; 1 not known")
	assert.Equal(t, []string{"shardId-000000000000 | 4 | 3.0 s | 1 dead letter", "shardId-000000000001 | 12 | 3.0 s"}, lagsOf(t, page, "Shards of queue mail"))
	assert.Equal(t, []string{"shardId-000000000000 | 5 | 3.0 s", "shardId-000000000001 | 12 | 3.0 s"}, lagsOf(t, page, "Shards of reader index"))
}

// Of many shards those are shown that are the furthest behind, in their order.
func TestConsole_showsTheWorstLagsOfMany(t *testing.T) {
	s := newStream(t, "wide", weir.Config{Shards: 1000, Limits: weir.Unlimited()})
	r, err := s.NewReader("index", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	for id, sh := range s.Shards() {
		_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &sh.HashKeyRange.Start}, 1+id%7*10)
		require.NoError(t, err)
	}
	page := client{t, console.Handler(s)}.get("readers?name=wide")
	rows := lagsOf(t, page, "Shards of reader index")
	assert.Len(t, rows, 200)
	assert.IsIncreasing(t, rows)
	assert.Contains(t, page, "and 800 more shards, none of them further behind")
	worst := 0
	for _, row := range rows {
		if strings.Contains(row, "| 61 |") {
			worst++
		}
	}
	assert.Equal(t, 142, worst, "all that are behind by 61")
}

// Dead letters are restored until there are none, in as many calls as that takes,
// and a bound that ends it is told.
func TestConsole_restoresUntilThereAreNone(t *testing.T) {
	for name, row := range map[string]struct {
		dead, gives int
		fails       error
		code        int
		want        string
	}{
		"few at a time":    {2500, 7, nil, http.StatusSeeOther, "Done: 2,500 dead letters of queue mail are records again<"},
		"none":             {0, 7, nil, http.StatusSeeOther, "Done: 0 dead letters of queue mail"},
		"more than it may": {250_000, 1000, nil, http.StatusSeeOther, "Done: 100 k dead letters of queue mail are records again; there may be more, for it goes on for 5.0 s, or up to 100 k, at a time"},
		"an error":         {50, 7, errors.New("no disk"), http.StatusUnprocessableEntity, "no disk (49 had been restored before)"},
	} {
		t.Run(name, func(t *testing.T) {
			dead := row.dead
			c := newClient(t, console.Config{Source: console.Streams(newStream(t, "orders", weir.Config{})), Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
				return []console.Queue{{
					Name: "mail", Look: func(context.Context) (console.QueueState, error) { return console.QueueState{Dead: int64(dead)}, nil },
					Restore: func(_ context.Context, most int) (int, error) {
						n := min(row.gives, dead, most)
						if row.fails != nil && n < row.gives {
							return 0, row.fails
						}
						dead -= n
						return n, nil
					},
				}}, nil
			}})
			page := "change?do=restore&queue=mail&name=orders"
			assert.Contains(t, c.get(page), "up to 100 k or for 5.0 s at a time")
			w := c.do(http.MethodPost, "change", values("do", "restore", "queue", "mail", "name", "orders", "token", c.token(page)))
			require.Equal(t, row.code, w.Code)
			body := w.Body.String()
			if w.Code == http.StatusSeeOther {
				body = c.get(w.Header().Get("Location"))
			}
			assert.Contains(t, body, row.want)
		})
	}
}

// A group that is only shown has no way to be reset, and is told apart from one of
// which nothing can be told. Leases of the Kinesis Client Library name their stream
// as it does.
func TestConsole_showsGroupsOfOthers(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Shards: 2})
	put(t, s, "a", "1")
	ours, library := new(lease.Memory), new(lease.Memory)
	require.NoError(t, ours.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
	for _, stream := range []string{"111122223333:orders:1700000000", "111122223333:clicks:1700000000"} {
		for shard := range 2 {
			id := fmt.Sprintf("shardId-%012d", shard)
			require.NoError(t, library.Create(t.Context(), lease.Lease{Key: stream + ":" + id, Stream: stream, Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
		}
	}
	c := newClient(t, console.Config{Source: console.Streams(s), Groups: func(context.Context) ([]console.Group, error) {
		return []console.Group{
			{Name: "ours", Store: ours}, {Name: "library", Store: library, Kept: "dynamodb:library", ReadOnly: true},
			{Name: "away", Store: away{}, Kept: "dynamodb:away", ReadOnly: true},
		}, nil
	}})
	body := c.get("readers?name=orders")
	assert.Contains(t, body, "Kept in <code>dynamodb:library</code>, and only shown here: <code>weir group</code> changes it")
	assert.Regexp(t, `<strong>library</strong> <span class="muted">1 record behind`, body)
	assert.Len(t, lagsOf(t, body, "Shards of group library"), 2, "not those of clicks")
	assert.Regexp(t, `<strong>away</strong> <span class="muted">not known</span></summary><p class="bad">table away: it did not answer in time`, body)
	assert.Contains(t, body, "group=ours")
	assert.NotContains(t, body, "group=library")

	reset := values("do", "reset", "name", "orders", "to", "latest", "token", c.token("records?name=orders"), "group", "library")
	for _, got := range []*httptest.ResponseRecorder{c.do(http.MethodGet, "change?do=reset&to=latest&name=orders&group=library", nil), c.do(http.MethodPost, "change", reset)} {
		assert.Equal(t, http.StatusForbidden, got.Code)
		assert.Contains(t, unescaped(got.Body.String()), `group: the console only shows "library"`)
	}
}

// away is a store that does not answer.
type away struct{ lease.Store }

func (away) List(context.Context) ([]lease.Lease, error) {
	return nil, errors.New("table away: it did not answer in time")
}

// Of more groups than a page looks into, and of those that there was no time for, it
// says how many there are. A shard that is to begin at a time is behind from there.
func TestConsole_boundsGroups(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := newStream(t, "orders", weir.Config{Now: func() time.Time { return now }})
	for range 3 {
		put(t, s, "k", "x")
		now = now.Add(time.Minute)
	}
	store := new(lease.Memory)
	begin := lease.Checkpoint{Sequence: lease.AtTimestamp, Sub: uint64(now.Add(-2*time.Minute - time.Second).UnixNano())}
	require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Checkpoint: begin}))
	var groups []console.Group
	for i := range 53 {
		groups = append(groups, console.Group{Name: fmt.Sprintf("group-%02d", i), Store: store})
	}
	c := newClient(t, console.Config{Source: console.Streams(s), Groups: func(context.Context) ([]console.Group, error) {
		return groups, errors.New("group 54: it is foreign")
	}})
	page := c.get("readers?name=orders")
	assert.Contains(t, page, "<strong>group-49</strong>")
	assert.NotContains(t, page, "<strong>group-50</strong>")
	assert.Contains(t, page, "3 further groups were not looked into")
	assert.Contains(t, page, "group 54: it is foreign")
	assert.Equal(t, []string{"shardId-000000000000 | 2 | 2 min | nobody | AT_TIMESTAMP"}, lagsOf(t, page, "Shards of group group-00"))
}

// A group is reset in all shards or says in which it was not, for a worker has come
// in between.
func TestConsole_tellsWhatResettingMet(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Shards: 2})
	store := new(lease.Memory)
	for shard := range 2 {
		require.NoError(t, store.Create(t.Context(), lease.Lease{Key: fmt.Sprintf("shardId-%012d", shard), Stream: "orders", Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
	}
	c := newClient(t, console.Config{Source: console.Streams(s), Groups: func(context.Context) ([]console.Group, error) {
		return []console.Group{{Name: "audit", Store: taken{store}}}, nil
	}})
	token := c.token("records?name=orders")
	got := c.do(http.MethodPost, "change", values("do", "reset", "name", "orders", "group", "audit", "to", "latest", "token", token))
	assert.Equal(t, http.StatusConflict, got.Code)
	assert.Contains(t, got.Body.String(), `role="alert">shardId-000000000001: `)
	list, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, lease.TrimHorizon, list[1].Checkpoint.Sequence)

	c = newClient(t, console.Config{Source: console.Streams(s)})
	got = c.do(http.MethodGet, "change?do=reset&to=latest&name=orders&group=audit", nil)
	assert.Equal(t, http.StatusNotFound, got.Code)
	assert.Contains(t, got.Body.String(), "the console knows no groups")
}

// taken is a store in which a worker takes the second shard before each update.
type taken struct{ *lease.Memory }

func (s taken) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if l.Key == "shardId-000000000001" {
		mine := l
		mine.Checkpoint, mine.Owner = lease.Checkpoint{Sequence: lease.TrimHorizon}, "worker-1"
		if _, err := s.Memory.Update(ctx, mine); err != nil {
			return lease.Lease{}, err
		}
	}
	return s.Memory.Update(ctx, l)
}
