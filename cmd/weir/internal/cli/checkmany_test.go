package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// savedState returns the directory of a server that kept two accounts: where they
// are, and the files of their journals.
func savedState(t *testing.T) (dir, first, second string) {
	t.Helper()
	dir = t.TempDir()
	s := startServe(t, nil, "--state", dir, "--stream", "orders,clicks", "--delay", "0s", "--limits", "none")
	for range 5 {
		s.put("aGVsbG8=")
	}
	for _, value := range []string{"before", "DAMAGED", "after"} {
		s.must("AddTagsToStream", fmt.Sprintf(`{"StreamName":"orders","Tags":{"team":%q}}`, value))
	}
	s.must("CreateStream", `{"StreamName":"later","ShardCount":1}`)
	status, errs := s.stop()
	require.Zero(t, status, errs)
	s = startServe(t, nil, "--state", dir, "--region", "eu-west-1", "--stream", "orders", "--delay", "0s")
	for range 3 {
		s.put("aGVsbG8=")
	}
	status, errs = s.stop()
	require.Zero(t, status, errs)
	return dir, filepath.Join(dir, "000000000000-us-east-1"), filepath.Join(dir, "000000000000-eu-west-1")
}

// damage flips a bit where a text, or the frame before the last, stands.
func damage(t *testing.T, file, text string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at := strings.LastIndex(string(content), text)
	require.Positive(t, at)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
}

func ordersOf(account string) string {
	return filepath.Join(account, "streams", "0000000000000001-orders.stream", "0000000000000001.journal")
}

func TestCheck_stateIsSound(t *testing.T) {
	dir, first, _ := savedState(t)
	before := filesIn(t, dir)
	status, out, errs := weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	assert.Regexp(t, `Account 000000000000 in eu-west-1, in .*`, out)
	assert.Regexp(t, `stream orders +sound +1 +[0-9,]+ +5 +0\n`, out)
	assert.Regexp(t, `stream orders +sound +1 +[0-9,]+ +3 +0\n`, out)
	assert.True(t, strings.HasSuffix(out, "SOUND.\n"))
	status, one, errs := weir(t, "", "check", first)
	require.Zero(t, status, errs)
	assert.Contains(t, out, strings.TrimSuffix(one, "SOUND.\n"), "an account alone")
	status, same, errs := weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	assert.Equal(t, out, same)
	assert.Equal(t, before, filesIn(t, dir))

	startServe(t, nil, "--state", dir)
	for _, command := range []string{"check", "repair"} {
		status, out, errs = weir(t, "", command, dir)
		assert.Equal(t, 2, status)
		assert.Empty(t, out)
		assert.Equal(t, "weir "+command+": "+dir+": another process uses this state\n", errs)
	}
}

// All damages of a state are told, and each is repaired, the accounts first.
func TestRepair_state(t *testing.T) {
	dir, first, second := savedState(t)
	damage(t, filepath.Join(first, "0000000000000001.journal"), "DAMAGED")
	damage(t, ordersOf(second), "hello")
	before := filesIn(t, dir)
	status, out, errs := weir(t, "", "check", dir)
	assert.Equal(t, 1, status)
	assert.Regexp(t, `the account itself +DAMAGED`, out)
	assert.Regexp(t, `stream orders +DAMAGED`, out)
	assert.Contains(t, out, "  A repair gives up: stream orders: as they were before: tags.\n")
	assert.Contains(t, out, "  A repair gives up: stream later: it was created later, and is not known any more; its directory is kept aside.\n")
	assert.Regexp(t, `^weir check: stream orders: 0000000000000001.journal is damaged at byte [0-9]+: .*; and 1 damage more\n$`, errs)

	status, _, errs = weir(t, "y\ny\n", "repair", dir)
	assert.Equal(t, 1, status)
	assert.Equal(t, "weir repair: nothing was changed; --yes repairs\n", errs)
	assert.Equal(t, before, filesIn(t, dir))

	status, out, errs = weir(t, "", "check", dir, "--json")
	assert.Equal(t, 1, status, errs)
	var found struct {
		Accounts []account.StorageCheck
	}
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	require.Len(t, found.Accounts, 2)
	assert.Equal(t, []string{"eu-west-1", "us-east-1"}, []string{found.Accounts[0].Region, found.Accounts[1].Region})
	assert.NotNil(t, found.Accounts[1].Damage)
	assert.NotEmpty(t, found.Accounts[1].Loses)

	status, out, errs = weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	assert.Regexp(t, `Kept: .*0000000000000003-later.stream.damaged\n`, out)
	assert.True(t, strings.HasSuffix(out, "REPAIRED: all can be opened.\n"))
	status, _, errs = weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	s := startServe(t, nil, "--state", dir)
	assert.Len(t, s.records("shardId-000000000000"), 5)
	assert.NotContains(t, fmt.Sprint(s.must("ListStreams", `{}`)), "later")
	assert.Contains(t, fmt.Sprint(s.must("ListTagsForStream", `{"StreamName":"orders"}`)), "before")
}

func TestRepair_stateAsJSON(t *testing.T) {
	dir, _, second := savedState(t)
	damage(t, ordersOf(second), "hello")
	type told struct {
		Repairs []struct {
			What string
			Done bool
			Kept []string
		}
		Repaired bool
	}
	for _, yes := range []bool{false, true} {
		args := []string{"repair", second, "--json"}
		if yes {
			args = append(args, "--yes", "--discard")
		}
		status, out, errs := weir(t, "", args...)
		assert.Equal(t, yes, status == 0, errs)
		var got told
		require.NoError(t, json.Unmarshal([]byte(out), &got), out)
		require.Len(t, got.Repairs, 1)
		assert.Equal(t, "stream orders", got.Repairs[0].What)
		assert.Equal(t, []any{yes, yes}, []any{got.Repairs[0].Done, got.Repaired})
		assert.Empty(t, got.Repairs[0].Kept)
	}
	assert.NotEmpty(t, dir)
}

// What nothing can be kept of stays as it is, and the rest is repaired. What is
// said can be done about it helps.
func TestRepair_stateInPart(t *testing.T) {
	dir, first, second := savedState(t)
	content, err := os.ReadFile(ordersOf(first))
	require.NoError(t, err)
	content[40] ^= 1 // in the only head
	require.NoError(t, os.WriteFile(ordersOf(first), content, 0o600))
	damage(t, ordersOf(second), "hello")
	status, out, errs := weir(t, "", "repair", dir, "--yes")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "Nothing of it can be kept, and nothing is changed.\n  What can be done: move "+filepath.Dir(ordersOf(first))+" away, and repair again: ")
	assert.Equal(t, "weir repair: stream orders: nothing of it can be kept, and nothing of it was changed\n", errs)
	status, _, errs = weir(t, "", "check", second)
	assert.Zero(t, status, errs)

	require.NoError(t, os.Rename(filepath.Dir(ordersOf(first)), filepath.Join(t.TempDir(), "away")))
	status, out, errs = weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	assert.Contains(t, out, "A repair gives up: the stream: the account gives it up")
	s := startServe(t, nil, "--state", dir)
	list := fmt.Sprint(s.must("ListStreams", `{}`))
	assert.NotContains(t, list, "orders")
	assert.Contains(t, list, "clicks")
}

// An account whose only head is damaged is made anew of what stands behind it.
func TestRepair_onlyHeadOfAnAccount(t *testing.T) {
	dir, first, _ := savedState(t)
	damage(t, filepath.Join(first, "0000000000000001.journal"), `"JournalOf"`)
	status, out, errs := weir(t, "", "check", dir)
	require.Equal(t, 1, status, errs)
	const gives = "A repair gives up: nothing: all that the account knew stands behind the damage.\n"
	assert.Contains(t, out, gives)
	status, out, errs = weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	assert.Contains(t, out, gives)
	assert.Contains(t, out, "Kept: "+filepath.Join(first, "0000000000000001.journal.damaged")+"\n")
	status, _, errs = weir(t, "", "check", dir)
	assert.Zero(t, status, errs)
	s := startServe(t, nil, "--state", dir)
	assert.Len(t, s.records("shardId-000000000000"), 5)
	assert.Contains(t, fmt.Sprint(s.must("ListTagsForStream", `{"StreamName":"orders"}`)), "after")
}

// A queue that is damaged is repaired with its stream.
func TestRepair_queue(t *testing.T) {
	dir, _ := storedQueue(t)
	status, out, errs := weir(t, "", "repair", dir)
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "A repair of queue letters gives up ")
	assert.Equal(t, "weir repair: nothing was changed; --yes repairs\n", errs)
	status, out, errs = weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	assert.Regexp(t, `Kept: queue-letters/0000000000000001.journal.from-[0-9]+.damaged\nREPAIRED: the stream can be opened.\n$`, filepath.ToSlash(out))
	status, _, errs = weir(t, "", "check", dir)
	assert.Zero(t, status, errs)
}
