package await

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithin(t *testing.T) {
	unreturned, failed := errors.New("unreturned"), errors.New("failed")
	for _, tc := range []struct {
		name         string
		limit, grace time.Duration
		f            func() (int, error)
		want         int
		err          error
		returned     bool
		took         time.Duration
	}{
		{"returns the results", time.Minute, 0, func() (int, error) { return 1, failed }, 1, failed, true, 0},
		{"waits for grace after the end", time.Second, time.Second, func() (int, error) {
			time.Sleep(1500 * time.Millisecond)
			return 2, nil
		}, 2, nil, true, 1500 * time.Millisecond},
		{"leaves a call that blocks", time.Second, time.Second, func() (int, error) {
			time.Sleep(time.Minute)
			return 3, nil
		}, 0, nil, false, 2 * time.Second},
		{"notices the end of the goroutine", time.Minute, 0, func() (int, error) {
			runtime.Goexit()
			return 4, nil
		}, 0, unreturned, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
				defer cancel()
				begun := time.Now()
				got, err, returned := Within(ctx, tc.grace, unreturned, tc.f)
				if got != tc.want || err != tc.err || returned != tc.returned || time.Since(begun) != tc.took {
					t.Errorf("%d, %v, %v after %v; want %d, %v, %v after %v",
						got, err, returned, time.Since(begun), tc.want, tc.err, tc.returned, tc.took)
				}
				time.Sleep(time.Minute) // for the call that blocks
			})
		})
	}
}
