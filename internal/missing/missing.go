// Package missing finds values of interfaces that hold nothing.
package missing

import "reflect"

// In reports whether an interface holds nothing, or a pointer or a function that is nil.
func In(x any) bool {
	v := reflect.ValueOf(x)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}
