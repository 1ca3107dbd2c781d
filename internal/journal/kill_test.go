package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
)

var kills = flag.Int("kills", 10, "how often the process of TestJournal_killed is killed")

const (
	// killDir is set in the process that is to be killed.
	killDir = "WEIR_JOURNAL_KILL_DIR"
	// killFileBytes has a file begin often, and zeros written ahead of it before.
	killFileBytes = 200 * kiB
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		panic(noteUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// noteUntilKilled prints how much is acknowledged.
func noteUntilKilled(dir string) error {
	b, err := openBook(journal.Dir(dir), journal.Always, killFileBytes)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for {
		if err := b.putMany(1 + random.IntN(8000)); err != nil {
			return err
		}
		fmt.Println(b.noted)
		if err := b.j.Release(max(b.j.Stats().CurrentNumber, 5) - 4); err != nil {
			return err
		}
	}
}

// Killed at any moment, with zeros ahead of what is noted and while another
// file is begun, a journal is sound and has what was acknowledged.
func TestJournal_killed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random, dir := rand.New(rand.NewPCG(seed, 0)), t.TempDir()
	var acknowledged, zeros, torn, files int
	for range *kills {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		left := random.IntN(60)
		for lines := bufio.NewScanner(out); lines.Scan(); left-- {
			_, err := fmt.Sscan(lines.Text(), &acknowledged)
			require.NoError(t, err, lines.Text())
			if left == 0 {
				time.AfterFunc(time.Duration(random.IntN(3000))*time.Microsecond, cancel) // SIGKILL
			}
		}
		cmd.Wait()
		cancel()

		names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
		require.NoError(t, err)
		for i, name := range names {
			whole, err := os.ReadFile(name)
			require.NoError(t, err)
			if bytes.HasSuffix(whole, make([]byte, 4*kiB)) {
				zeros++
				assert.Equal(t, len(names)-1, i, "%s has zeros behind where the next begins", name)
			}
		}
		c, _, err := check(journal.Dir(dir))
		require.NoError(t, err)
		require.Nil(t, c.Damage)
		b, err := openBook(journal.Dir(dir), journal.Always, killFileBytes)
		require.NoError(t, err)
		require.GreaterOrEqual(t, int(b.noted), acknowledged)
		require.Equal(t, c.Cut, b.found.Cut)
		if c.Cut > 0 {
			torn++
		}
		acknowledged, files = int(b.noted), int(b.j.Stats().CurrentNumber)
		if random.IntN(2) == 0 {
			require.NoError(t, b.j.Close())
		} else {
			b.j.Abandon()
		}
	}
	t.Logf("%d kills, %d notes in %d files; after a kill %d had zeros, and %d ended with a torn write",
		*kills, acknowledged, files, zeros, torn)
	assert.Positive(t, acknowledged)
}
