package kinesisserver

import (
	"cmp"
	"slices"
	"strconv"
	"sync"

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
	// MaxAccounts is how many accounts, one for each id and region, there may
	// be. Zero means [DefaultMaxAccounts].
	MaxAccounts int
	// AccountID and Region are for requests that name none. Empty means
	// [DefaultAccountID] and [DefaultRegion].
	AccountID string
	Region    string
}

func (c RegistryConfig) withDefaults() RegistryConfig {
	if c.Open == nil {
		c.Open = func(id, region string) (*account.Account, error) {
			return account.New(account.Config{ID: id, Region: region})
		}
	}
	c.MaxAccounts = cmp.Or(c.MaxAccounts, DefaultMaxAccounts)
	c.AccountID = cmp.Or(c.AccountID, DefaultAccountID)
	c.Region = cmp.Or(c.Region, DefaultRegion)
	return c
}

// A Registry holds the accounts behind one endpoint, one for each account id
// and region, and opens each when it is first asked for. They share nothing.
// Its methods may be called by any number of goroutines at a time.
type Registry struct {
	config RegistryConfig

	mu       sync.RWMutex // guards accounts; held while one is opened
	accounts map[tenant]*account.Account
}

// NewRegistry returns a registry without accounts.
func NewRegistry(c RegistryConfig) *Registry {
	return &Registry{config: c.withDefaults(), accounts: make(map[tenant]*account.Account)}
}

// Account returns the account with an id in a region; either may be empty and
// then means the default. The error is what a client is told: that there are
// too many accounts already, or why the account could not be opened.
func (r *Registry) Account(id, region string) (*account.Account, error) {
	key := tenant{cmp.Or(id, r.config.AccountID), cmp.Or(region, r.config.Region)}
	r.mu.RLock()
	a := r.accounts[key]
	r.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.accounts[key]; a != nil {
		return a, nil
	}
	if len(r.accounts) >= r.config.MaxAccounts {
		return nil, badRequest("LimitExceededException", "This endpoint serves "+strconv.Itoa(r.config.MaxAccounts)+
			" accounts and regions already; account "+key.account+" in "+key.region+" would be one more.")
	}
	a, err := r.config.Open(key.account, key.region)
	if err != nil {
		return nil, err
	}
	r.accounts[key] = a
	return a, nil
}

// Accounts returns the accounts that are open, by id and region.
func (r *Registry) Accounts() []OpenAccount {
	r.mu.RLock()
	defer r.mu.RUnlock()
	open := make([]OpenAccount, 0, len(r.accounts))
	for key, a := range r.accounts {
		open = append(open, OpenAccount{ID: key.account, Region: key.region, Account: a})
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
