package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/lease"
)

// LookedAt is a table of DynamoDB that is only looked at: it implements
// [lease.Store], but changes nothing, and makes no table. It asks when somebody
// looks, and what it was told it gives to all who look within some seconds.
type LookedAt struct {
	table string
	api   func(context.Context) (dynamolease.API, error)

	turn  chan struct{} // holds one for who looks, and guards what follows
	store *dynamolease.Store
	reads *reads
	list  []lease.Lease
	err   error
	until time.Time // list and err count until then
}

// What looking at a table may cost.
const (
	// A look takes so long at most, which leaves a page time for others.
	lookFor = 1500 * time.Millisecond
	// It reads so many pages at most, each of a MiB and so of some thousand leases.
	mostPages = 16
	// For so long nobody looks again. What failed may have taken all of its time.
	keptFor       = 5 * time.Second
	failedKeptFor = 15 * time.Second
)

// TableAt returns the table that a place names in the words of --store, if it
// names one. The error says why it cannot be one.
func TableAt(place string) (t *LookedAt, is bool, err error) {
	table, is := (&Store{place}).table("")
	switch {
	case !is:
		return nil, false, nil
	case place == dynamo:
		return nil, true, errors.New("it names no table: dynamodb:TABLE does")
	}
	if err := lease.CheckGroup(table); err != nil {
		return nil, true, fmt.Errorf("its table: %w", err)
	}
	return &LookedAt{table: table, api: asked, turn: make(chan struct{}, 1)}, true, nil
}

func asked(ctx context.Context) (dynamolease.API, error) { return dynamoClient(ctx) }

// Name returns the name of the table, which is also that of its group for those
// who gave it none other.
func (t *LookedAt) Name() string { return t.table }

// Check says whether the machine's configuration lets the table be asked for. It
// asks for nothing.
func (t *LookedAt) Check(ctx context.Context) error {
	_, err := t.api(ctx)
	return err
}

// List implements [lease.Store]. Those who look while somebody does wait for that.
func (t *LookedAt) List(ctx context.Context) ([]lease.Lease, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, t.failed(ctx.Err())
	}
	if time.Now().Before(t.until) {
		return slices.Clone(t.list), t.err
	}
	t.list, t.err = t.look(ctx)
	kept := keptFor
	switch {
	case ctx.Err() != nil:
		kept = 0 // nobody waits any more: that says nothing of the table
	case t.err != nil:
		kept = failedKeptFor
	}
	t.until = time.Now().Add(kept)
	return slices.Clone(t.list), t.err
}

func (t *LookedAt) look(ctx context.Context) ([]lease.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if t.store == nil {
		if err := t.open(ctx); err != nil {
			return nil, t.failed(err)
		}
	}
	t.reads.pages = 0
	list, err := t.store.List(ctx)
	if err != nil {
		return nil, t.failed(err)
	}
	for i := range list {
		list[i].State = nil // the handlers' own, which may be much
	}
	return list, nil
}

func (t *LookedAt) open(ctx context.Context) error {
	api, err := t.api(ctx)
	if err != nil {
		return err
	}
	t.reads = &reads{API: api}
	t.store, err = dynamolease.Open(ctx, t.reads, t.table)
	if err != nil {
		t.store = nil
	}
	return err
}

// failed says in plain words what kept an answer away.
func (t *LookedAt) failed(err error) error {
	switch {
	case errors.Is(err, errNoTable):
		return fmt.Errorf("there is no table %q: the first worker of its group makes it", t.table)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("table %s: it did not answer in time, for which it has %v", t.table, lookFor)
	}
	return err
}

// errLook is why nothing is changed.
var errLook = errors.New("the table is only looked at: weir group changes what is in it")

// Create implements [lease.Store]: it refuses.
func (t *LookedAt) Create(context.Context, lease.Lease) error { return errLook }

// Update implements [lease.Store]: it refuses.
func (t *LookedAt) Update(context.Context, lease.Lease) (lease.Lease, error) {
	return lease.Lease{}, errLook
}

// Delete implements [lease.Store]: it refuses.
func (t *LookedAt) Delete(context.Context, lease.Lease) error { return errLook }

// reads lets a store look at a table: it makes none, and reads a bounded part, at
// half the cost of reads that see the last write.
type reads struct {
	dynamolease.API
	pages int // of the scan that goes on
}

var errNoTable = errors.New("there is no such table")

func (r *reads) CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	return nil, errNoTable
}

func (r *reads) Scan(ctx context.Context, in *dynamodb.ScanInput, options ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if r.pages == mostPages {
		return nil, fmt.Errorf("it has more than the %d pages of a MiB that are looked at; weir group describe tells of all", mostPages)
	}
	r.pages++
	asked := *in
	asked.ConsistentRead = aws.Bool(false)
	return r.API.Scan(ctx, &asked, options...)
}
