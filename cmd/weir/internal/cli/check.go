package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/queue"
)

func newCheck() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "check DIR",
		Short: "Say whether what is on disk is sound, and where it is damaged",
		Long: `Check reads the stream that weir.Open keeps in a directory, all of it, and changes
nothing. The directory may also be one of weir serve --state, or an account in it, or
one of account.Open: then all streams are checked, and what the account itself knows. It says of each file how much of it is sound, where the first damage is, and
what can be read behind it. A write that a crash cut off, at the end of the last file,
is no damage: it was never acknowledged, and opening the stream cuts it off. The
queues of the stream are looked at as well.

The exit status is 0 if all is sound, 1 if something is damaged, and 2 if that cannot
be told: there is no stream, a process has it open, a later version wrote it, or a
file cannot be read. docs/storage.md says what the files hold.`,
		Example: `  weir check /var/lib/shop/orders
  weir check /var/lib/shop/orders --json
  weir check ./weir-state        # all accounts and streams of weir serve --state`,
		Args:        oneDirectory,
		Annotations: map[string]string{tellsTrouble: "true"},
		RunE: func(c *cobra.Command, args []string) error {
			if isMany(args[0]) {
				return checkMany(c, args[0], asJSON)
			}
			check, err := checkStorage(c.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(c.OutOrStdout(), check)
			} else {
				err = printCheck(c.OutOrStdout(), check)
			}
			if err != nil {
				return err
			}
			return check.answer()
		},
	}
	c.Flags().SortFlags = false
	addJSON(c.Flags(), &asJSON, "result")
	return c
}

// oneDirectory takes the name of a directory and nothing else.
func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.Errorf("one directory is needed, that of a stream, an account or a state; %d given", len(args))
	}
	if args[0] == "" { // a variable that is not set: not the current directory
		return usage.Errorf("the name of the directory is empty")
	}
	return nil
}

// A storageCheck is what there is of a stream and of its queues.
type storageCheck struct {
	*weir.StorageCheck
	Queues []queue.StorageCheck `json:",omitempty"`
}

// answer says what is damaged, if anything is.
func (c *storageCheck) answer() error {
	if c.Damage != nil {
		return answer(c.Damage.String())
	}
	for _, q := range c.Queues {
		if q.Damage != "" {
			return answer("queue " + q.Queue + ": " + q.Damage)
		}
	}
	return nil
}

// checkStorage checks a directory, unless ctx ends first: then the check goes on
// for as long as the program does.
func checkStorage(ctx context.Context, dir string) (*storageCheck, error) {
	type outcome struct {
		check *storageCheck
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		check := new(storageCheck)
		var err error
		if check.StorageCheck, err = weir.CheckStorage(dir); err == nil {
			check.Queues, err = queue.CheckStorage(dir)
		}
		done <- outcome{check, err}
	}()
	select {
	case o := <-done:
		return o.check, o.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

// printCheck prints what a check found.
func printCheck(w io.Writer, c *storageCheck) error {
	title := "A stream in " + c.Dir
	if c.Stream != "" {
		title = fmt.Sprintf("Stream %s in %s", c.Stream, c.Dir)
	}
	header := []string{"file", "bytes", "sound", "groups", "records"}
	if c.Damage != nil {
		header = append(header, "bytes lost", "groups lost", "records lost")
	}
	t := table.New(title, header)
	all := weir.StorageFile{Name: "all"}
	for _, f := range c.Files {
		t.Row(cellsOf(f)[:len(header)]...)
		all.Bytes += f.Bytes
		all.SoundBytes, all.Groups, all.Records = all.SoundBytes+f.SoundBytes, all.Groups+f.Groups, all.Records+f.Records
		all.LostBytes, all.LostGroups, all.LostRecords = all.LostBytes+f.LostBytes, all.LostGroups+f.LostGroups, all.LostRecords+f.LostRecords
	}
	if len(c.Files) > 1 {
		t.Footer(cellsOf(all)[:len(header)]...)
	}
	_, err := fmt.Fprintf(w, "%s\n%s", t, conclusion(c.StorageCheck, all))
	for _, q := range c.Queues {
		if err == nil {
			_, err = fmt.Fprint(w, queueLine(q))
		}
	}
	return err
}

// queueLine says what there is of a queue.
func queueLine(q queue.StorageCheck) string {
	line := fmt.Sprintf("Queue %s: %s in %s, %s acknowledged, %s not done, %s dead", q.Queue, figures.Count(q.Bytes, "byte"),
		figures.Count(int64(q.Files), "file"), figures.Comma(q.Acknowledged), figures.Comma(q.Records), figures.Comma(q.DeadLetters))
	if q.Damage != "" {
		return line + ", up to damage: " + q.Damage + ".\n"
	}
	return line + ".\n"
}

func cellsOf(f weir.StorageFile) []string {
	cells := []string{f.Name}
	for _, n := range []int64{f.Bytes, f.SoundBytes, f.Groups, f.Records, f.LostBytes, f.LostGroups, f.LostRecords} {
		cells = append(cells, figures.Comma(n))
	}
	return cells
}

// conclusion says what the figures mean.
func conclusion(c *weir.StorageCheck, all weir.StorageFile) string {
	if c.Damage == nil {
		text := fmt.Sprintf("SOUND: %s.\n", figures.Count(all.Records, "record"))
		if c.Torn > 0 {
			text += fmt.Sprintf("The last %s of %s are a write that a crash cut off: opening the stream cuts them off.\n",
				figures.Count(c.Torn, "byte"), c.TornFile)
		}
		return text
	}
	text := fmt.Sprintf("DAMAGED: %v.\n", c.Damage)
	if !c.Repairable {
		return text + "A repair could keep nothing.\n"
	}
	files := 0
	for _, f := range c.Files {
		if f.LostBytes > 0 {
			files++
		}
	}
	text += fmt.Sprintf("A repair keeps %s. It gives up %s of %s, in which ",
		figures.Count(all.Records, "record"), figures.Count(all.LostBytes, "byte"), figures.Count(files, "file"))
	if !c.Damage.Follows {
		return text + "nothing can be read.\n"
	}
	return text + fmt.Sprintf("%s in %s can be read.\n",
		figures.Count(all.LostRecords, "record"), figures.Count(all.LostGroups, "group"))
}
