package serve

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/state"
)

// A keeper keeps the accounts of a registry in a directory. A nil one keeps
// nothing.
type keeper struct {
	dir    *state.Dir
	opened map[state.Scope]*account.Account // not yet in the registry
	log    *slog.Logger                     // nil if nobody is told
}

// openKeeper opens a directory. log is told what is lost of accounts and streams.
func openKeeper(path string, log *slog.Logger) (*keeper, error) {
	if path == "" {
		return nil, nil
	}
	dir, err := state.Open(path)
	if err != nil {
		return nil, err
	}
	return &keeper{dir, make(map[state.Scope]*account.Account), log}, nil
}

// groupsDir returns where groups are kept; empty if nowhere.
func (k *keeper) groupsDir() string {
	if k == nil {
		return ""
	}
	return k.dir.Groups()
}

// account returns the account of a configuration, as it was kept if it was.
func (k *keeper) account(c account.Config) (*account.Account, error) {
	if k == nil {
		return account.New(c)
	}
	at := state.Scope{ID: c.ID, Region: c.Region}
	if a := k.opened[at]; a != nil {
		delete(k.opened, at)
		return a, nil
	}
	c.Logger = k.log
	a, err := account.Open(k.dir.Path(at), c)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	for _, s := range a.Streams() {
		state.Recovered(k.log, s)
	}
	return a, nil
}

// openAll opens the accounts that were kept, so that a damaged one is known
// before anybody is served. One that has nothing any more is forgotten: it is the
// same when somebody asks for it.
func (k *keeper) openAll(accounts *kinesisserver.Registry, configOf func(id, region string) account.Config) error {
	if k == nil {
		return nil
	}
	there, err := k.dir.Accounts()
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	for _, at := range there {
		a, err := k.account(configOf(at.ID, at.Region))
		if err != nil {
			return err
		}
		if a.IsEmpty() {
			a.Discard()
			continue
		}
		k.opened[at] = a
		if _, err := accounts.Account(at.ID, at.Region); err != nil {
			return err
		}
	}
	return nil
}

// close writes what is not on disk yet, and lets go of the directory.
func (k *keeper) close(accounts *kinesisserver.Registry) (err error) {
	if k == nil {
		return nil
	}
	for _, a := range k.opened {
		err = errors.Join(err, a.Close())
	}
	if accounts != nil {
		for _, open := range accounts.Accounts() {
			if bad := open.Account.Close(); bad != nil {
				err = errors.Join(err, fmt.Errorf("--state: account %s in %s: %w", open.ID, open.Region, bad))
			}
		}
	}
	return errors.Join(err, k.dir.Close())
}
