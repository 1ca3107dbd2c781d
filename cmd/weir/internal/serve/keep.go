package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/pause"
	"github.com/weirstream/weir/cmd/weir/internal/state"
)

// A State says where accounts and streams are kept, so that they outlive the
// process. They are saved at the end, after the drain, and now and then before.
// A save writes every stream that has changed, whole, so a large state takes
// long; where that is more than a ninth of Every, saves come as much less often.
// A process that dies otherwise loses what happened since the last save that was
// finished had begun: at most Every and the time of two saves, or that of eleven
// if this is more. The next one refuses positions from that time.
type State struct {
	// Dir is the directory. Empty means that nothing is kept.
	Dir string
	// Every is how often to save. Zero means at the end only.
	Every time.Duration
	// Failed is told why a save before the end failed; another one will be
	// tried.
	Failed func(error)
}

// savePart is how much of the time saving may take: one part in so many.
const savePart = 10

// A keeper keeps the accounts of a registry in a directory. A nil one keeps
// nothing.
type keeper struct {
	dir    *state.Dir
	loaded map[scope]state.Account // not yet opened
}

// A scope names an account in a region.
type scope struct{ id, region string }

// openKeeper opens a directory and reads what it holds.
func openKeeper(path string) (*keeper, error) {
	if path == "" {
		return nil, nil
	}
	dir, err := state.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	accounts, err := dir.Load()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--state: %w", err), dir.Close())
	}
	k := &keeper{dir: dir, loaded: make(map[scope]state.Account)}
	for _, a := range accounts {
		k.loaded[scope{a.ID, a.Region}] = a
	}
	return k, nil
}

func (k *keeper) close() error {
	if k == nil {
		return nil
	}
	return k.dir.Close()
}

// account returns the account of a configuration as it was kept, or a new one.
func (k *keeper) account(c account.Config) (*account.Account, error) {
	if k == nil {
		return account.New(c)
	}
	kept, ok := k.loaded[scope{c.ID, c.Region}]
	if !ok {
		return account.New(c)
	}
	files := make(map[string]string)
	for _, s := range kept.Streams {
		files[s.Name] = s.File
	}
	a, err := account.Load(c, kept.Settings, func(name string, c weir.Config) (*weir.Stream, error) {
		return loadStream(files[name], c)
	})
	if err != nil {
		return nil, fmt.Errorf("--state: account %s in %s: %w", c.ID, c.Region, err)
	}
	return a, nil
}

func loadStream(path string, c weir.Config) (*weir.Stream, error) {
	if path == "" {
		return nil, errors.New("the state has no records of it")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it is read only
	s, err := weir.LoadStream(f, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// openAll opens the accounts that were kept, so that a damaged one is known
// before anybody is served.
func (k *keeper) openAll(accounts *kinesisserver.Registry) error {
	if k == nil {
		return nil
	}
	for at := range k.loaded {
		if _, err := accounts.Account(at.id, at.region); err != nil {
			return err
		}
	}
	k.loaded = nil
	return nil
}

// save saves all accounts.
func (k *keeper) save(accounts *kinesisserver.Registry) error {
	if k == nil {
		return nil
	}
	var list []state.Account
	for _, open := range accounts.Accounts() {
		settings, streams, err := open.Account.Save()
		if err != nil {
			return fmt.Errorf("--state: account %s in %s: %w", open.ID, open.Region, err)
		}
		a := state.Account{ID: open.ID, Region: open.Region, Settings: settings}
		for _, s := range streams {
			version, err := versionOf(s)
			if err != nil {
				return fmt.Errorf("--state: stream %s: %w", s.Name(), err)
			}
			a.Streams = append(a.Streams, state.Stream{Name: s.Name(), Version: version, Save: s.Save})
		}
		list = append(list, a)
	}
	if err := k.dir.Save(list); err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	return nil
}

// versionOf returns a text that changes whenever there is more in a stream, or
// it is otherwise set. What expires does not matter: it expires as well when it
// is loaded.
func versionOf(s *weir.Stream) (string, error) {
	snap := s.Snapshot()
	taken := make(map[weir.ShardID]int64)
	for _, sh := range snap.Shards {
		taken[sh.Shard] = sh.Total.IncomingRecords
	}
	text, err := json.Marshal(struct {
		Created   time.Time
		Settings  weir.Settings
		Consumers []weir.Consumer
		Shards    []weir.Shard
		Taken     map[weir.ShardID]int64
	}{
		s.CreatedAt(), s.Settings(), s.Consumers(), s.Shards(), taken,
	})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), err
}

// run saves now and then until ctx ends.
func (k *keeper) run(ctx context.Context, accounts *kinesisserver.Registry, c State) {
	if k == nil || c.Every == 0 {
		return
	}
	repeat(ctx, c, func() error { return k.save(accounts) })
}

// repeat saves every so often, or less often so that saving takes no more than
// its part of the time.
func repeat(ctx context.Context, c State, save func() error) {
	for wait := c.Every; pause.For(ctx, wait) == nil; {
		begin := time.Now()
		if err := save(); err != nil {
			c.Failed(err)
		}
		wait = max(c.Every, (savePart-1)*time.Since(begin))
	}
}
