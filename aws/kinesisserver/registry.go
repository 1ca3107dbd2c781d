package kinesisserver

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir/aws/account"
)

// DefaultMaxAccounts is how many accounts a [Registry] holds by default.
const DefaultMaxAccounts = 64

// The account and the region of requests that name none.
const (
	DefaultAccountID = "000000000000"
	DefaultRegion    = "us-east-1"
)

// A RegistryConfig says which accounts a [Registry] opens. The zero value opens
// accounts of the service's behaviour.
type RegistryConfig struct {
	// Open makes the account with an id in a region. Nil means [account.New].
	Open func(id, region string) (*account.Account, error)
	// Memory bounds what the accounts hold together: see [account.Config]. Nil
	// means that there is no bound. It means nothing if Open is set, which gives
	// one to the accounts that it makes.
	Memory *account.Memory
	// MaxAccounts is how many accounts, one for each id and region, there may
	// be. Zero means [DefaultMaxAccounts]. Requests that name one more make those
	// give way that hold nothing, and are refused if all hold something.
	MaxAccounts int
	// AccountID and Region are for requests that name none. Empty means
	// [DefaultAccountID] and [DefaultRegion].
	AccountID string
	Region    string
}

func (c RegistryConfig) withDefaults() RegistryConfig {
	if c.Open == nil {
		c.Open = func(id, region string) (*account.Account, error) {
			return account.New(account.Config{ID: id, Region: region, Memory: c.Memory})
		}
	}
	c.MaxAccounts = cmp.Or(c.MaxAccounts, DefaultMaxAccounts)
	c.AccountID = cmp.Or(c.AccountID, DefaultAccountID)
	c.Region = cmp.Or(c.Region, DefaultRegion)
	return c
}

// A Registry holds the accounts behind one endpoint, one for each account id
// and region, and opens each when it is first asked for. They share nothing but
// memory. Its methods may be called by any number of goroutines at a time.
type Registry struct {
	config RegistryConfig

	mu      sync.RWMutex // guards entries; held while one is opened
	entries map[tenant]*entry
}

// An entry is an account of a registry.
type entry struct {
	*account.Account
	users atomic.Int64 // requests under way; it rises only while mu is held
	kept  atomic.Bool  // somebody else has the account too
}

// NewRegistry returns a registry without accounts.
func NewRegistry(c RegistryConfig) *Registry {
	return &Registry{config: c.withDefaults(), entries: make(map[tenant]*entry)}
}

// Account returns an account in a region, and opens it if it is not open yet;
// it stays open from then on. Empty means the default. The error is what a
// client is told: that there are too many accounts already, or why the account
// could not be opened.
func (r *Registry) Account(id, region string) (*account.Account, error) {
	e, err := r.enter(tenant{id, region})
	if err != nil {
		return nil, err
	}
	defer e.leave()
	e.kept.Store(true)
	return e.Account, nil
}

// enter returns an account for a request, which is to leave it.
func (r *Registry) enter(tn tenant) (*entry, error) {
	key := tenant{cmp.Or(tn.account, r.config.AccountID), cmp.Or(tn.region, r.config.Region)}
	r.mu.RLock()
	e := r.entries[key]
	if e != nil {
		e.users.Add(1)
	}
	r.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e = r.entries[key]
	if e == nil {
		var err error
		if e, err = r.openLocked(key); err != nil {
			return nil, err
		}
	}
	e.users.Add(1)
	return e, nil
}

// leave ends what enter began.
func (e *entry) leave() { e.users.Add(-1) }

// openLocked opens an account.
func (r *Registry) openLocked(key tenant) (*entry, error) {
	if len(r.entries) >= r.config.MaxAccounts {
		r.evictLocked()
	}
	if len(r.entries) >= r.config.MaxAccounts {
		return nil, badRequest("LimitExceededException", "This endpoint serves "+strconv.Itoa(r.config.MaxAccounts)+
			" accounts and regions already; account "+key.account+" in "+key.region+" would be one more.")
	}
	a, err := r.config.Open(key.account, key.region)
	if err != nil && r.evictLocked() { // perhaps for want of memory
		a, err = r.config.Open(key.account, key.region)
	}
	if err != nil {
		return nil, err
	}
	e := &entry{Account: a}
	r.entries[key] = e
	return e, nil
}

// evictLocked closes the accounts that hold nothing and that nobody uses: such
// a one is the same when it is opened again. It reports whether there were any.
func (r *Registry) evictLocked() (any bool) {
	for key, e := range r.entries {
		if e.kept.Load() || e.users.Load() > 0 || !e.IsEmpty() {
			continue
		}
		delete(r.entries, key)
		e.Discard()
		any = true
	}
	return any
}

// Accounts returns the accounts that are open, by id and region.
func (r *Registry) Accounts() []OpenAccount {
	r.mu.RLock()
	defer r.mu.RUnlock()
	open := make([]OpenAccount, 0, len(r.entries))
	for key, e := range r.entries {
		open = append(open, OpenAccount{ID: key.account, Region: key.region, Account: e.Account})
	}
	slices.SortFunc(open, func(a, b OpenAccount) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Region, b.Region))
	})
	return open
}

// An OpenAccount is an account of a [Registry].
type OpenAccount struct {
	ID      string
	Region  string
	Account *account.Account
}
