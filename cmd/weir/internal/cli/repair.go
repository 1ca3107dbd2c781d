package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
)

// repairFlags are the flags of weir repair.
type repairFlags struct {
	yes     bool
	discard bool
	json    bool
}

// A repaired is what weir repair found and did.
type repaired struct {
	*weir.StorageCheck
	Repaired bool `json:"repaired"`
	// Kept are the files that have what was given up.
	Kept []string `json:"kept"`
	// Left is what is damaged all the same.
	Left *weir.StorageDamage `json:"left,omitempty"`
}

func newRepair() *cobra.Command {
	f := &repairFlags{}
	c := &cobra.Command{
		Use:   "repair DIR",
		Short: "Cut what is damaged on disk, so that it can be opened",
		Long: `Repair checks a stream as weir check does and says what it would give up: all that
comes from the first damage on. With --yes it does so; at a terminal it asks, for each
damage by itself. What it cuts off is kept in the
directory, in files whose names end with .damaged, unless --discard is given. If the
head of the oldest file is damaged, that file alone is given up.

Sequence numbers in what is lost are not given out again: whoever resumes with one is
told so by an error. A stream that is sound is left as it is.

Of an account, or of all of weir serve --state, it repairs what the account knows first,
and then streams and queues. It says what becomes of that: settings that are as they
were before, streams that come back because it is forgotten that they were deleted, and
streams that the account does not know any more, whose directories are put aside.

The exit status is 0 if all is sound now, 1 if something is damaged, because nobody
agreed or nothing can be kept, and 2 as for weir check.`,
		Example: `  weir repair /var/lib/shop/orders
  weir repair /var/lib/shop/orders --yes
  weir repair ./weir-state       # asks for each damage`,
		Args:        oneDirectory,
		Annotations: map[string]string{tellsTrouble: "true"},
		RunE:        func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.yes, "yes", false, "do it, and not only say what would be lost")
	flags.BoolVar(&f.discard, "discard", false, "remove what is cut off, and keep no copy of it")
	addJSON(flags, &f.json, "result")
	return c
}

// run checks, says what is lost, and repairs if that is asked for.
func (f *repairFlags) run(c *cobra.Command, dir string) error {
	if isMany(dir) {
		return f.repairMany(c, dir)
	}
	check, err := checkStorage(c.Context(), dir)
	if err != nil {
		return err
	}
	result := repaired{StorageCheck: check.StorageCheck, Kept: []string{}}
	if !f.json { // before anything is done
		if err := printCheck(c.OutOrStdout(), check); err != nil {
			return err
		}
	}
	err = f.repair(c, dir, &result)
	if err == nil {
		err = f.repairQueues(c, check, &result)
	}
	if f.json {
		if bad := writeJSON(c.OutOrStdout(), result); bad != nil {
			return bad
		}
	}
	if err != nil || f.json || !result.Repaired {
		return err
	}
	for _, name := range result.Kept {
		fmt.Fprintf(c.OutOrStdout(), "Kept: %s\n", name)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), "REPAIRED: the stream can be opened.")
	return err
}

// repair repairs what was checked, if it is damaged and that is asked for.
func (f *repairFlags) repair(c *cobra.Command, dir string, r *repaired) error {
	switch {
	case r.Damage == nil:
		return nil
	case !r.Repairable:
		return answer("nothing of the stream can be kept; the directory is as it was")
	}
	if err := f.agreed(c, "Repair the stream?"); err != nil {
		return err
	}
	kept, err := r.StorageCheck.Repair(f.discard)
	r.Kept = append(r.Kept, kept...)
	if err != nil {
		return err
	}
	after, err := checkStorage(context.WithoutCancel(c.Context()), dir)
	if err != nil {
		return err
	}
	if r.Left = after.Damage; r.Left != nil {
		return answer(fmt.Sprintf("there is more: %v; repair it again", r.Left))
	}
	r.Repaired = true
	return nil
}

// repairQueues repairs the queues of the stream that are damaged.
func (f *repairFlags) repairQueues(c *cobra.Command, check *storageCheck, r *repaired) error {
	for i := range check.Queues {
		q := &check.Queues[i]
		switch {
		case q.Damage == "":
			continue
		case !q.Repairable:
			return answer("queue " + q.Queue + ": nothing of it can be kept; the directory is as it was")
		}
		if !f.json {
			fmt.Fprintf(c.OutOrStdout(), "A repair of queue %s gives up %s of what was delivered, acknowledged and dead since: such records are delivered again.\n",
				q.Queue, figures.Count(q.LostBytes, "byte"))
		}
		if err := f.agreed(c, "Repair queue "+q.Queue+"?"); err != nil {
			return err
		}
		kept, err := q.Repair(f.discard)
		for _, name := range kept {
			r.Kept = append(r.Kept, filepath.Join(filepath.Base(q.Dir), name))
		}
		if err != nil {
			return err
		}
		r.Repaired = true
	}
	return nil
}

// agreed returns nil if somebody agrees to a repair.
func (f *repairFlags) agreed(c *cobra.Command, question string) error {
	p := terminal.NewPrompt(c.InOrStdin(), c.OutOrStdout(), f.yes)
	if !p.Yes && (f.json || !p.Somebody) {
		return answer("nothing was changed; --yes repairs")
	}
	err := p.Ask(c.Context(), "", question)
	if c.Context().Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return answer("not agreed; nothing was changed")
	}
	return nil
}
