/* SPDX-License-Identifier: BSD-3-Clause */
/* keyslots.c - which passwords open an encrypted image
 *
 *     active      a new password goes into the slot that is named, or into the first inactive one
 *     inactive    the slot that is named is erased, or all that an old password opens
 *
 * Only force overwrites an active slot, or erases what nobody can do without: the last one.
 */

#include "image/keyslots.h"

#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "store/luks_volume.h"

bool keyslots_asked(const struct keyslot_change *c)
{
    return c->state != KEYSLOT_STATE_UNSAID || c->has_keyslot || c->has_iter_time ||
           c->old_secret.bytes || c->new_secret.bytes;
}

static unsigned active_slots(const struct luks_volume *v)
{
    unsigned slots = 0;

    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        slots |= v->header.slots[i].active ? 1u << i : 0;
    return slots;
}

static int check_number(const struct keyslot_change *c)
{
    if (!c->has_keyslot || c->keyslot < LUKS_SLOTS)
        return 0;
    return error_set(EINVAL, "Invalid keyslot %" PRIu64 " specified, must be between 0 and %u",
                     c->keyslot, LUKS_SLOTS - 1);
}

/* ------------------------------------------------------------------------------------------------
 * Filling
 */

static int plan_to_fill(const struct luks_volume *v, const struct keyslot_change *c, bool force,
                        struct keyslot_plan *plan)
{
    unsigned active = active_slots(v);

    if (c->new_secret.bytes == NULL)
        return error_set(EINVAL, "'new-secret' is required to activate a keyslot");
    if (c->old_secret.bytes != NULL)
        return error_set(EINVAL, "'old-secret' must not be given when activating keyslots");
    if (check_number(c) == -1)
        return -1;
    if (!c->has_keyslot && active == (1u << LUKS_SLOTS) - 1)
        return error_set(ENOSPC, "Can't add a keyslot - all keyslots are in use");
    plan->fill = c->has_keyslot ? 1u << c->keyslot : ~active & (active + 1);
    if (plan->fill & active && !force)
        return error_set(EEXIST, "Refusing to overwrite active keyslot %u - please erase it first",
                         (unsigned)c->keyslot);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Erasing
 */

/* The active slots, of some, that the old password opens. */
static int matching_slots(const struct luks_volume *v, const struct keyslot_change *c,
                          unsigned among, unsigned *slots)
{
    *slots = 0;
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        int r = among & 1u << i ? luks_volume_matches(v, i, &c->old_secret) : 0;

        if (r == -1)
            return -1;
        *slots |= r ? 1u << i : 0;
    }
    return 0;
}

static int plan_to_erase_one(const struct luks_volume *v, const struct keyslot_change *c,
                             bool force, struct keyslot_plan *plan)
{
    unsigned active = active_slots(v), slot = 1u << c->keyslot, matching = slot;

    if (c->old_secret.bytes && matching_slots(v, c, slot, &matching) == -1)
        return -1;
    if (matching == 0)
        return error_set(EKEYREJECTED,
                         "Given keyslot %u doesn't contain the given old password for erase "
                         "operation",
                         (unsigned)c->keyslot);
    if (!force && !(slot & active))
        return error_set(EINVAL, "Given keyslot %u is already erased (inactive) ",
                         (unsigned)c->keyslot);
    if (!force && slot == active)
        return error_set(EPERM,
                         "Attempt to erase the only active keyslot %u which will erase all the "
                         "data in the image irreversibly - refusing operation",
                         (unsigned)c->keyslot);
    plan->erase = slot;
    return 0;
}

static int plan_to_erase_matching(const struct luks_volume *v, const struct keyslot_change *c,
                                  bool force, struct keyslot_plan *plan)
{
    if (matching_slots(v, c, ~0u, &plan->erase) == -1)
        return -1;
    if (plan->erase == 0)
        return error_set(EKEYREJECTED,
                         "No keyslots match given (old) password for erase operation");
    if (!force && plan->erase == active_slots(v))
        return error_set(EPERM, "All the active keyslots match the (old) password that was given "
                                "and erasing them will erase all the data in the image "
                                "irreversibly - refusing operation");
    return 0;
}

static int plan_to_erase(const struct luks_volume *v, const struct keyslot_change *c, bool force,
                         struct keyslot_plan *plan)
{
    if (c->new_secret.bytes != NULL)
        return error_set(EINVAL, "'new-secret' must not be given when erasing keyslots");
    if (c->has_iter_time)
        return error_set(EINVAL, "'iter-time' must not be given when erasing keyslots");
    if (check_number(c) == -1)
        return -1;
    if (c->has_keyslot)
        return plan_to_erase_one(v, c, force, plan);
    if (c->old_secret.bytes != NULL)
        return plan_to_erase_matching(v, c, force, plan);
    return error_set(EINVAL, "To erase keyslot(s), either explicit keyslot index or the password "
                             "currently contained in them must be given");
}

/* ------------------------------------------------------------------------------------------------
 * Both
 */

int keyslots_plan(const struct qcow2_image *image, const struct keyslot_change *c, bool force,
                  struct keyslot_plan *plan)
{
    *plan = (struct keyslot_plan){ 0 };
    if (c->state == KEYSLOT_STATE_UNSAID)
        return error_set(EINVAL, "Parameter 'state' is missing");
    return (c->state == KEYSLOT_STATE_ACTIVE ? plan_to_fill : plan_to_erase)(image->luks, c, force,
                                                                             plan);
}

static int apply_to_slot(struct luks_volume *v, const struct keyslot_change *c,
                         const struct keyslot_plan *plan, unsigned slot)
{
    if (plan->fill & 1u << slot)
        return luks_volume_set_slot(v, slot, &c->new_secret,
                                    c->has_iter_time ? c->iter_time : LUKS_DEFAULT_ITER_TIME);
    return plan->erase & 1u << slot ? luks_volume_erase_slot(v, slot) : 0;
}

int keyslots_apply(struct qcow2_image *image, const struct keyslot_change *c,
                   const struct keyslot_plan *plan)
{
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        if (apply_to_slot(image->luks, c, plan, i) == -1)
            return -1;
    return 0;
}
