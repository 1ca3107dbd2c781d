package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/lease"
)

func newGroup() *cobra.Command {
	c := &cobra.Command{
		Use:   "group",
		Short: "List, describe, reset and delete what groups know",
		Long: `Group shows and changes what groups know of their streams: who reads which shard, and
how far it has been processed. They may be of weir consume, of programs that use package
consumer with a lease.Dir or a table of DynamoDB, or of the Kinesis Client Library.`,
		Example: `  weir group list
  weir group describe audit
  weir group reset audit --shard shardId-000000000001 --to horizon --yes`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newGroupList(), newGroupDescribe(), newGroupReset(), newGroupDelete())
	return c
}

// oneGroup takes the name of a group and nothing else.
func oneGroup(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.Errorf("the name of one group is needed; %d given", len(args))
	}
	if err := lease.CheckGroup(args[0]); err != nil {
		return usage.Error{Err: err}
	}
	return nil
}

// openGroup opens the leases of a group that is there.
func openGroup(ctx context.Context, at *attach.Store, name string) (lease.Store, []lease.Lease, error) {
	store, err := at.OpenExisting(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	list, err := store.List(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("group %s: %w", name, err)
	}
	return store, list, nil
}

// A groupLine is a group in the list.
type groupLine struct {
	Group   string   `json:"group"`
	Shards  int      `json:"shards"`
	Workers []string `json:"workers"`
	Error   string   `json:"error,omitempty"`
}

func newGroupList() *cobra.Command {
	store, asJSON := &attach.Store{}, false
	c := &cobra.Command{
		Use: "list", Short: "List the groups, and who is at work", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listGroups(c.Context(), store)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), map[string][]groupLine{"groups": list})
			}
			if len(list) == 0 {
				fmt.Fprintf(c.ErrOrStderr(), "There are no groups in %s.\n", store)
				return nil
			}
			t := table.New("Groups in "+store.String(), []string{"group", "shards", "workers"})
			for _, g := range list {
				t.Row(g.Group, figures.Comma(g.Shards), cmp.Or(g.Error, strings.Join(g.Workers, ", "), nobody))
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), t)
			return err
		},
	}
	c.Flags().SortFlags = false
	store.Add(c.Flags())
	addJSON(c.Flags(), &asJSON, "list")
	return c
}

// nobody stands where no worker is.
const nobody = "nobody"

// listGroups returns all groups of a store, those that cannot be read included.
func listGroups(ctx context.Context, store *attach.Store) ([]groupLine, error) {
	names, err := store.Groups()
	if err != nil {
		return nil, err
	}
	list := make([]groupLine, 0, len(names))
	for _, name := range names {
		g := groupLine{Group: name, Workers: []string{}}
		if _, leases, err := openGroup(ctx, store, name); err != nil {
			g.Error = err.Error()
		} else {
			g.Shards, g.Workers = len(leases), owners(leases)
		}
		list = append(list, g)
	}
	return list, ctx.Err()
}

// owners returns the workers that hold leases, in order.
func owners(list []lease.Lease) []string {
	names := []string{}
	for _, l := range list {
		if l.Owner != "" {
			names = append(names, l.Owner)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A groupState is what a group knows.
type groupState struct {
	Group  string       `json:"group"`
	Shards []shardState `json:"shards"`
}

type shardState struct {
	Shard      string `json:"shard"`
	Stream     string `json:"stream,omitempty"`
	Owner      string `json:"owner,omitempty"`
	Wanted     string `json:"wanted_by,omitempty"`
	Checkpoint string `json:"checkpoint"`
	Sub        uint64 `json:"sub,omitempty"`
	// ArrivedAt is the second in which the record of the checkpoint arrived, as its
	// number says, or the time at which the shard is to be begun.
	ArrivedAt  *time.Time `json:"arrived_at,omitempty"`
	StateBytes int        `json:"state_bytes,omitempty"`
	Parents    []string   `json:"parents,omitempty"`
	Children   []string   `json:"children,omitempty"`
}

func newGroupDescribe() *cobra.Command {
	store, asJSON := &attach.Store{}, false
	c := &cobra.Command{
		Use: "describe NAME", Short: "Show who reads which shard, and how far it has been processed", Args: oneGroup,
		RunE: func(c *cobra.Command, args []string) error {
			_, list, err := openGroup(c.Context(), store, args[0])
			if err != nil {
				return err
			}
			state := groupState{Group: args[0], Shards: []shardState{}}
			for _, l := range list {
				state.Shards = append(state.Shards, describeLease(l))
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), state)
			}
			return state.print(c.OutOrStdout())
		},
	}
	c.Flags().SortFlags = false
	store.Add(c.Flags())
	addJSON(c.Flags(), &asJSON, "group")
	return c
}

func describeLease(l lease.Lease) shardState {
	s := shardState{
		Shard: l.Key, Stream: l.Stream, Owner: l.Owner, Wanted: l.Wanted, Checkpoint: l.Checkpoint.Sequence, Sub: l.Checkpoint.Sub,
		StateBytes: len(l.State), Parents: l.Parents, Children: l.Children,
	}
	if s.Checkpoint == lease.AtTimestamp && s.Sub > 0 {
		t := time.Unix(0, int64(s.Sub)).UTC()
		s.ArrivedAt, s.Sub = &t, 0
	}
	if n, err := weir.ParseSequenceNumber(l.Checkpoint.Sequence); err == nil && !n.IsZero() {
		if t := n.Time(); !t.IsZero() {
			s.ArrivedAt = &t
		}
	}
	return s
}

func (g groupState) print(w io.Writer) error {
	t := table.New(fmt.Sprintf("Group %s, %s", g.Group, figures.Count(len(g.Shards), "shard")),
		[]string{"shard", "processed up to", "arrived", "owner"})
	for _, s := range g.Shards {
		arrived := "–"
		if s.ArrivedAt != nil {
			arrived = s.ArrivedAt.UTC().Format(time.RFC3339)
		}
		t.Row(s.Shard, s.Checkpoint, arrived, cmp.Or(s.Owner, nobody))
	}
	_, err := fmt.Fprintln(w, t)
	return err
}

// A groupChange is what is to be done to some leases of a group.
type groupChange struct {
	store      attach.Store
	shard      string
	force, yes bool
}

func (f *groupChange) add(c *cobra.Command) {
	c.Flags().SortFlags = false
	f.store.Add(c.Flags())
	c.Flags().BoolVar(&f.force, "force", false, "also if workers hold leases, who may be at work")
	c.Flags().BoolVar(&f.yes, "yes", false, "do it, and not only say what would be done")
}

// leases returns the leases that are to be changed. Workers that hold some of
// them, and may be at work, are an error.
func (f *groupChange) leases(ctx context.Context, name string) (lease.Store, []lease.Lease, error) {
	d, list, err := openGroup(ctx, &f.store, name)
	if err != nil {
		return nil, nil, err
	}
	if f.shard != "" {
		of := slices.IndexFunc(list, func(l lease.Lease) bool { return l.Key == f.shard })
		if of < 0 {
			return nil, nil, fmt.Errorf("group %s knows no shard %q", name, f.shard)
		}
		list = list[of : of+1]
	}
	if workers := owners(list); len(workers) > 0 && !f.force {
		return nil, nil, fmt.Errorf("group %s has workers that may be at work: %s; stop them first, or give --force if they have died", name, strings.Join(workers, ", "))
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("group %s knows of no shards", name)
	}
	return d, list, nil
}

func newGroupReset() *cobra.Command {
	f, to := &groupChange{}, ""
	c := &cobra.Command{
		Use: "reset NAME --to POSITION", Short: "Set how far shards have been processed",
		Long: `Reset sets how far the shards of a group have been processed: horizon, so that a worker
begins with the oldest record; latest, so that it begins with what is put after it has
begun; or, of one --shard, a sequence number, with all up to it processed. What a
handler keeps beside the checkpoint is forgotten. Without --yes it says what it would do.`,
		Example: `  weir group reset audit --to horizon --yes
  weir group reset audit --shard shardId-000000000001 --to 4967… --yes`,
		Args: oneGroup,
		RunE: func(c *cobra.Command, args []string) error {
			at, err := resetPosition(to, f.shard)
			if err != nil {
				return err
			}
			d, list, err := f.leases(c.Context(), args[0])
			if err != nil {
				return err
			}
			for _, l := range list {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s → %s\n", l.Key, l.Checkpoint.Sequence, at)
				l.Checkpoint, l.State, l.Owner, l.Wanted = lease.Checkpoint{Sequence: at}, nil, "", ""
				if !f.yes {
					continue
				}
				if _, err := d.Update(c.Context(), l); err != nil {
					return fmt.Errorf("%s: %w", l.Key, err)
				}
			}
			return f.conclude(c.ErrOrStderr())
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&to, "to", "", "`POSITION`: horizon, latest, or a sequence number of --shard")
	c.Flags().StringVar(&f.shard, "shard", "", "this `SHARD` only")
	f.add(c)
	return c
}

// resetPosition returns the checkpoint that --to says.
func resetPosition(to, shard string) (string, error) {
	switch strings.ToLower(to) {
	case "":
		return "", usage.Errorf("--to is needed: horizon, latest or a sequence number")
	case "horizon", "trim_horizon":
		return lease.TrimHorizon, nil
	case "latest":
		return lease.Latest, nil
	}
	n, err := weir.ParseSequenceNumber(to)
	switch {
	case err != nil || n.IsZero():
		return "", usage.Errorf("--to %q: must be horizon, latest or a sequence number", to)
	case shard == "":
		return "", usage.Errorf("--to %s: a sequence number is of one shard, so --shard is needed", to)
	case !strings.HasSuffix(shard, n.Shard().String()):
		return "", usage.Errorf("--to %s: it is a number of %v, not of %s", to, n.Shard(), shard)
	}
	return n.String(), nil
}

func (f *groupChange) conclude(w io.Writer) error {
	if !f.yes {
		fmt.Fprintln(w, "Nothing was changed: --yes does it.")
	}
	return nil
}

func newGroupDelete() *cobra.Command {
	f := &groupChange{}
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete what a group knows",
		Long: `Delete deletes what a group knows. Workers that begin later begin where they are told to,
as with a group that never was. The name stays in the list, with no shards; a table of
DynamoDB stays as well, without rows of leases. Without --yes it says what it would do.`,
		Args: oneGroup,
		RunE: func(c *cobra.Command, args []string) error {
			d, list, err := f.leases(c.Context(), args[0])
			if err != nil {
				return err
			}
			var errs []error
			for _, l := range list {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s, deleted\n", l.Key, l.Checkpoint.Sequence)
				if f.yes {
					errs = append(errs, d.Delete(c.Context(), l))
				}
			}
			return errors.Join(append(errs, f.conclude(c.ErrOrStderr()))...)
		},
	}
	f.add(c)
	return c
}
