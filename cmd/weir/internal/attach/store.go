package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/lease"
)

// A Store says where the leases of groups are kept: in a directory for each
// group, or in a table of DynamoDB for each.
type Store struct{ place string }

const (
	defaultStore = "weir-groups"
	dynamo       = "dynamodb"
)

var errEmpty = usage.Errorf("--store is empty")

// Add adds the flag to those of a command.
func (s *Store) Add(flags *pflag.FlagSet) {
	flags.StringVar(&s.place, "store", defaultStore, "`PLACE` of what groups know: a directory; dynamodb, for a table of the group's name; or dynamodb:TABLE")
}

// Explain adds to an error of a group what can be done, where the stream does not
// know the number that the group stands at.
func (s *Store) Explain(group string, err error) error {
	if !errors.Is(err, weir.ErrInvalidSequenceNumber) {
		return err
	}
	reset := fmt.Sprintf("weir group reset %s --to horizon --yes", group)
	if s.place != defaultStore {
		reset += " --store " + s.place
	}
	return fmt.Errorf("%w\nThe stream was made again, or group %s has read another one of this name: give another --group, or begin again after: %s", err, group, reset)
}

// String returns the place.
func (s *Store) String() string { return s.place }

// table returns the table of a group, if it is kept in one.
func (s *Store) table(group string) (name string, ok bool) {
	if s.place == dynamo {
		return group, true
	}
	return strings.CutPrefix(s.place, dynamo+":")
}

// Open opens the leases of a group, and makes what holds them if it is not
// there.
func (s *Store) Open(ctx context.Context, group string) (lease.Store, error) {
	table, ok := s.table(group)
	if !ok {
		return s.openDir(group)
	}
	api, err := s.dynamo(ctx)
	if err != nil {
		return nil, err
	}
	return s.openTable(ctx, api, table)
}

func (s *Store) openDir(group string) (lease.Store, error) {
	if s.place == "" {
		return nil, errEmpty
	}
	d, err := lease.OpenDir(s.place, group)
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	return d, nil
}

// dynamo returns a client.
func (s *Store) dynamo(ctx context.Context) (*dynamodb.Client, error) {
	api, err := dynamoClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", s.place, err)
	}
	return api, nil
}

// dynamoClient returns a client. Where it finds DynamoDB, the environment says.
func dynamoClient(ctx context.Context) (*dynamodb.Client, error) {
	loaded, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err == nil && loaded.Region == "" {
		err = errors.New("no region is configured; AWS_REGION names one")
	}
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(loaded), nil
}

func (s *Store) openTable(ctx context.Context, api *dynamodb.Client, table string) (lease.Store, error) {
	store, err := dynamolease.Open(ctx, api, table)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", s.place, err)
	}
	return store, nil
}

// OpenExisting opens the leases of a group that has some, and makes nothing.
func (s *Store) OpenExisting(ctx context.Context, group string) (lease.Store, error) {
	table, ok := s.table(group)
	if !ok {
		groups, err := s.Groups()
		switch {
		case err != nil:
			return nil, err
		case !slices.Contains(groups, group):
			return nil, fmt.Errorf("there is no group %q in %s; there are: %s", group, s.place, orNone(groups))
		}
		return s.openDir(group)
	}
	api, err := s.dynamo(ctx)
	if err != nil {
		return nil, err
	}
	_, err = api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		return nil, fmt.Errorf("there is no table %q for group %s", table, group)
	}
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", s.place, err)
	}
	return s.openTable(ctx, api, table)
}

// Groups returns the names of the groups in a directory, in order.
func (s *Store) Groups() ([]string, error) {
	if _, ok := s.table(""); ok {
		return nil, usage.Errorf("--store %s: each table holds one group, and which tables do cannot be told", s.place)
	}
	if s.place == "" {
		return nil, errEmpty
	}
	groups, err := lease.Groups(s.place)
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	return groups, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
