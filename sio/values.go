package sio

import "context"

// valuedContext is the context of a handler that starts late, with the values
// of the client's first request.
type valuedContext struct {
	context.Context
	client *client
}

func (c *client) withValues(ctx context.Context) context.Context { return valuedContext{ctx, c} }

// Value prefers those of the context, which has its own cancellation there.
func (c valuedContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.client.Value(key)
}
