package sqllease_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/sqllease"
)

// A worker takes a lease that nobody holds. The program imports the driver, here
// github.com/jackc/pgx/v5/stdlib.
func ExampleOpen() {
	take := func(ctx context.Context, worker string) error {
		db, err := sql.Open("pgx", "postgres://localhost/shop")
		if err != nil {
			return err
		}
		defer db.Close()
		store, err := sqllease.Open(ctx, db, "orders", sqllease.Config{})
		if err != nil {
			return err
		}
		leases, err := store.List(ctx)
		if err != nil {
			return err
		}
		for _, l := range leases {
			if l.Owner != "" {
				continue
			}
			l.Owner = worker
			l, err = store.Update(ctx, l)
			if errors.Is(err, lease.ErrConflict) {
				continue // another worker was first: l is what it wrote
			}
			if err != nil {
				return err
			}
			fmt.Println(worker, "has", l.Key)
		}
		return nil
	}
	_ = take(context.Background(), "worker-1")
}
