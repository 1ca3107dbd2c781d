package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const (
	isProgram = "WEIR_EXAMPLE_DELIVERIES_DIR" // the directory of the test's binary that is to be the program
	orders    = 20
	patience  = 200 * time.Millisecond
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(isProgram); dir != "" {
		if err := run(context.Background(), os.Stdout, dir, orders, patience); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Killed twice, the second time when half of the orders have been offered, it
// delivers each order once.
func TestRun_killed(t *testing.T) {
	dir := t.TempDir()
	for _, lines := range []int{3, orders / 2} {
		killed(t, dir, lines)
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, dir, orders, patience))
	assert.Contains(t, out.String(), "20 of 20 orders are delivered\n")
	check(t, dir)
}

func TestRun_deliversEachOrderOnce(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, dir, orders, patience))
	assert.Contains(t, out.String(), "20 of 20 orders are delivered\n")
	check(t, dir)
	out.Reset()
	require.NoError(t, run(t.Context(), &out, dir, orders, patience))
	assert.Equal(t, "20 of 20 orders are delivered\n", out.String(), "nobody is asked again")
}

// killed runs the program until it has said that so many drivers are asked, and
// then kills it.
func killed(t *testing.T, dir string, lines int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), isProgram+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scanner := bufio.NewScanner(out)
	for range lines {
		if !scanner.Scan() || !strings.Contains(scanner.Text(), "is asked") {
			break // it was quicker
		}
	}
	if err := cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(t, err)
	}
	t.Log(cmd.Wait()) // killed, unless it was quicker
}

// check goes through what the stream has of each order, and sees to it that one
// driver accepted it, that of those who were asked before none did in time, and
// that it was delivered after that.
func check(t *testing.T, dir string) {
	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	defer s.Close()
	offer, accepted, delivered, silent := map[string]int{}, map[string]bool{}, map[string]bool{}, 0
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		var e event
		require.NoError(t, json.Unmarshal(r.Data, &e))
		require.Equal(t, r.PartitionKey, e.Order)
		switch current := e.Offer == offer[e.Order] && !accepted[e.Order]; {
		case e.What == "placed" && offer[e.Order] == 0, current && e.What == "declined":
			offer[e.Order]++
		case current && e.What == "silent":
			offer[e.Order]++
			silent++
		case current && e.What == "accepted":
			accepted[e.Order] = true
		case e.Offer == offer[e.Order] && accepted[e.Order] && e.What == "delivered":
			delivered[e.Order] = true
		}
	}
	assert.Len(t, delivered, orders)
	assert.NotZero(t, silent, "a driver did not answer")
}

func TestOrder_after(t *testing.T) {
	at := time.Unix(1e9, 0)
	asked := order{Offer: 2, Deadline: at}
	taken := order{Offer: 2}
	done := order{Offer: 2, Delivered: true}
	next := order{Offer: 3, Deadline: at}
	for name, row := range map[string]struct {
		o    order
		e    event
		want order
		ask  bool
	}{
		"placed":                {order{}, event{What: "placed"}, order{Offer: 1, Deadline: at}, true},
		"placed again":          {asked, event{What: "placed"}, asked, true},
		"placed when delivered": {done, event{What: "placed"}, done, false},
		"declined":              {asked, event{"", "declined", 2}, next, true},
		"silent":                {asked, event{"", "silent", 2}, next, true},
		"silent before":         {asked, event{"", "silent", 1}, asked, false},
		"accepted":              {asked, event{"", "accepted", 2}, taken, false},
		"accepted too late":     {asked, event{"", "accepted", 1}, asked, false},
		"silent when accepted":  {taken, event{"", "silent", 2}, taken, false},
		"delivered":             {taken, event{"", "delivered", 2}, done, false},
		"delivered by another":  {taken, event{"", "delivered", 1}, taken, false},
		"delivered unaccepted":  {asked, event{"", "delivered", 2}, asked, false},
	} {
		got, ask := row.o.after(row.e, at)
		assert.Equal(t, row.want, got, name)
		assert.Equal(t, row.ask, ask, name)
	}
}
