package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
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
		Short: "Cut a stream on disk where it is damaged, so that it can be opened",
		Long: `Repair checks a stream as weir check does and says what it would give up: all that
comes from the first damage on. With --yes it does so. What it cuts off is kept in the
directory, in files whose names end with .damaged, unless --discard is given. If the
head of the oldest file is damaged, that file alone is given up.

Sequence numbers in what is lost are not given out again: whoever resumes with one is
told so by an error. A stream that is sound is left as it is.

The exit status is 0 if the stream is sound now, 1 if it is damaged, because --yes was
not given or nothing can be kept, and 2 as for weir check.`,
		Example: `  weir repair /var/lib/shop/orders
  weir repair /var/lib/shop/orders --yes`,
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
	err = f.repair(c.Context(), dir, &result)
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
func (f *repairFlags) repair(ctx context.Context, dir string, r *repaired) error {
	switch {
	case r.Damage == nil:
		return nil
	case !r.Repairable:
		return answer("nothing of the stream can be kept; the directory is as it was")
	case !f.yes:
		return answer("nothing was changed; --yes repairs")
	}
	kept, err := r.StorageCheck.Repair(f.discard)
	r.Kept = append(r.Kept, kept...)
	if err != nil {
		return err
	}
	after, err := checkStorage(context.WithoutCancel(ctx), dir)
	if err != nil {
		return err
	}
	if r.Left = after.Damage; r.Left != nil {
		return answer(fmt.Sprintf("there is more: %v; repair it again", r.Left))
	}
	r.Repaired = true
	return nil
}
