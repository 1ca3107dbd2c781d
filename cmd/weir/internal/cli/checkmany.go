package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/state"
	"github.com/weirstream/weir/cmd/weir/internal/table"
)

// A manyChecked is what there is of a directory that has accounts.
type manyChecked struct {
	Dir      string                  `json:"dir"`
	Accounts []*account.StorageCheck `json:"accounts"`
}

// isMany reports whether a directory is that of an account, or has some.
func isMany(dir string) bool {
	accounts, unlock, _ := state.Inspect(dir)
	_ = unlock() // of a lock that was held only to look
	return len(accounts) > 0 || account.IsStorage(dir)
}

// inspectMany checks all accounts of a directory, unless ctx ends first: then the
// check goes on for as long as the program does.
func inspectMany(ctx context.Context, dir string) (*manyChecked, error) {
	type outcome struct {
		check *manyChecked
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		check, err := readMany(dir)
		done <- outcome{check, err}
	}()
	select {
	case o := <-done:
		return o.check, o.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

func readMany(dir string) (m *manyChecked, err error) {
	accounts, unlock, err := state.Inspect(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if len(accounts) == 0 {
		accounts = []string{dir}
	}
	m = &manyChecked{Dir: dir}
	for _, at := range accounts {
		c, err := account.CheckStorage(at)
		if err != nil {
			return nil, err
		}
		m.Accounts = append(m.Accounts, c)
	}
	return m, nil
}

// damages returns what is to be repaired.
func (m *manyChecked) damages() (list []account.StorageRepair) {
	for _, c := range m.Accounts {
		list = append(list, c.Repairs()...)
	}
	return list
}

// answer says what is damaged, if anything is.
func (m *manyChecked) answer() error {
	list := m.damages()
	if len(list) == 0 {
		return nil
	}
	text := list[0].What + ": " + list[0].Damage
	if more := len(list) - 1; more > 0 {
		text += fmt.Sprintf("; and %s more", figures.Count(more, "damage"))
	}
	return answer(text)
}

// checkMany checks all that is in a directory.
func checkMany(c *cobra.Command, dir string, asJSON bool) error {
	m, err := inspectMany(c.Context(), dir)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(c.OutOrStdout(), m)
	} else {
		err = m.print(c.OutOrStdout())
	}
	if err != nil {
		return err
	}
	return m.answer()
}

// print prints a table of each account, and what is damaged.
func (m *manyChecked) print(w io.Writer) error {
	var b strings.Builder
	for _, c := range m.Accounts {
		b.WriteString(accountTable(c))
		if c.Torn > 0 {
			fmt.Fprintf(&b, "The last %s of the account's own journal are a write that a crash cut off: opening the account cuts them off.\n", figures.Count(c.Torn, "byte"))
		}
	}
	list := m.damages()
	for i := range list {
		b.WriteString("DAMAGED: " + list[i].String())
	}
	if len(list) == 0 {
		b.WriteString("SOUND.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// accountTable has a line for an account's own journal and one for each stream.
func accountTable(c *account.StorageCheck) string {
	title := "An account in " + c.Dir
	if c.ID != "" {
		title = fmt.Sprintf("Account %s in %s, in %s", c.ID, c.Region, c.Dir)
	}
	t := table.New(title, []string{"what", "", "files", "bytes", "records", "queues"}, "")
	t.Row("the account itself", word(c.Damage == nil), figures.Comma(int64(c.Files)), figures.Comma(c.Bytes), "", "")
	for i := range c.Streams {
		s := &c.Streams[i]
		if s.Missing {
			t.Row("stream "+s.Name, "missing", "", "", "", "")
			continue
		}
		var bytes, records int64
		for _, f := range s.Check.Files {
			bytes, records = bytes+f.Bytes, records+f.Records
		}
		how := word(s.IsSound())
		if s.Unknown {
			how = "not known"
		}
		t.Row("stream "+s.Name, how, figures.Comma(int64(len(s.Check.Files))), figures.Comma(bytes), figures.Comma(records), figures.Comma(int64(len(s.Queues))))
	}
	return t.String() + "\n"
}

func word(sound bool) string {
	if sound {
		return "sound"
	}
	return "DAMAGED"
}

// A manyRepaired is what weir repair found and did in a directory of accounts.
type manyRepaired struct {
	*manyChecked        // as it was found
	Done         []done `json:"repairs"`
	Repaired     bool   `json:"repaired"` // all is sound now
}

// A done is a repair and what became of it.
type done struct {
	account.StorageRepair
	Done bool     `json:"done"`
	Kept []string `json:"kept"` // the files and directories that have what was given up
}

// maxRounds bounds how often what is repaired is checked again: a repair of an
// account shows what else there is, and a stream may be damaged again and again.
const maxRounds = 1000

// repairMany repairs all that is in a directory.
func (f *repairFlags) repairMany(c *cobra.Command, dir string) error {
	m, err := inspectMany(c.Context(), dir)
	if err != nil {
		return err
	}
	result := manyRepaired{manyChecked: m, Done: []done{}}
	if !f.json {
		if err := m.print(c.OutOrStdout()); err != nil {
			return err
		}
	}
	err = f.repairRounds(c, dir, &result)
	if f.json {
		if bad := writeJSON(c.OutOrStdout(), result); bad != nil {
			return bad
		}
	}
	if err == nil && !f.json && len(result.Done) > 0 {
		_, err = fmt.Fprintln(c.OutOrStdout(), "REPAIRED: all can be opened.")
	}
	return err
}

// repairRounds repairs what there is, and then what shows behind it.
func (f *repairFlags) repairRounds(c *cobra.Command, dir string, result *manyRepaired) error {
	m := result.manyChecked
	for range maxRounds {
		list, did := m.damages(), false
		var first error
		for i := range list {
			d, err := f.repairOne(c, &list[i])
			result.Done = append(result.Done, d)
			if err != nil && !errors.As(err, new(answer)) {
				return err
			}
			if err != nil && first == nil {
				first = err
			}
			did = did || d.Done
		}
		if !did {
			result.Repaired = len(list) == 0
			return first
		}
		var err error
		if m, err = inspectMany(context.WithoutCancel(c.Context()), dir); err != nil {
			return err
		}
		if first != nil {
			return first
		}
	}
	return m.answer()
}

// repairOne repairs one damage if somebody agrees.
func (f *repairFlags) repairOne(c *cobra.Command, r *account.StorageRepair) (d done, err error) {
	d = done{StorageRepair: *r, Kept: []string{}}
	if !r.Possible {
		return d, answer(r.What + ": nothing of it can be kept, and nothing of it was changed")
	}
	if !f.json {
		fmt.Fprint(c.OutOrStdout(), r.String())
	}
	if err := f.agreed(c, "Repair "+r.What+"?"); err != nil {
		return d, err
	}
	kept, err := r.Do(f.discard)
	d.Kept = append(d.Kept, kept...)
	if !f.json {
		for _, name := range kept {
			fmt.Fprintf(c.OutOrStdout(), "Kept: %s\n", name)
		}
	}
	d.Done = err == nil
	return d, err
}
