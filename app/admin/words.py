"""What codes mean, in the merchant's words. One table for everything that may stand in a `reason`."""

from __future__ import annotations

from typing import Final


def _(source: str, /, **values: object) -> str:
    """A sentence for the merchant. The one place through which every word goes, so that it can be translated."""
    return source.format(**values) if values else source


REASONS: Final[dict[str, str]] = {
    # The way in
    "checkout_abandoned": _("Left a checkout without paying"),
    "cart_abandoned": _("Left a filled cart"),
    "order_placed": _("Placed an order"),
    "product_running_low": _("Bought something that runs out"),
    "went_quiet": _("Reads nothing any more and hasn't bought for long"),
    "still_shopping": _("Was still shopping, so the clock started again"),
    "basket_changed": _("Changed what is in the basket, so the clock started again"),
    "replaced": _("A newer purchase took this one's place"),
    "cool_down": _("Was in this journey less than a week ago"),
    "too_late": _("It would have come too late to be useful"),
    "nothing_in_it": _("There is nothing in the basket"),
    "nobody_to_write_to": _("The order names nobody to write to"),
    "gift_cards_only": _("Only gift cards were bought"),
    "draft_not_paid": _("The draft order isn't paid"),
    "test_order": _("It is a test order"),
    "order_not_seen_yet": _("The order itself hasn't reached us yet"),
    "no_usable_gap": _("We don't know yet how long this lasts"),
    # The way out
    "bought": _("They bought"),
    "bought_again": _("They bought it again by themselves"),
    "checkout_is_gone": _("The checkout no longer exists"),
    "cart_is_gone": _("The cart no longer exists"),
    "order_is_gone": _("The order no longer exists"),
    "product_is_gone": _("The product no longer exists"),
    "checkout_started": _("They went on to checkout"),
    "cart_emptied": _("They emptied the cart"),
    "order_cancelled": _("The order was cancelled"),
    "order_deleted": _("The order was deleted"),
    "order_refunded": _("The order was refunded"),
    "nothing_left_to_review": _("There is nothing left to ask about"),
    "never_delivered": _("We never heard that it was delivered"),
    "never_shipped": _("We never heard that it was shipped"),
    "never_placed": _("We never heard that it was placed"),
    "step_is_gone": _("The step they stood at was removed"),
    "all_steps_done": _("All steps done"),
    "journey_turned_off": _("You turned the journey off"),
    "excluded_by_merchant": _("You took them out"),
    "uninstalled": _("The app was removed from the store"),
    "left_by_rule": _("A reason to leave that you set"),
    "kept_their_time": _("You changed the journey; their next time stayed as it was"),
    "counted_anew": _("You changed the journey; their wait was counted anew"),
    "engaged": _("They are back: they opened or clicked something"),
    "person_is_gone": _("The person is no longer in the store"),
    "sunset": _("They read nothing for months, so we leave them alone until they come back"),
    # Steps
    "due": _("It is time for this message"),
    "happened": _("What we waited for has happened"),
    "did_not_happen": _("What we waited for didn't happen"),
    "yes": _("Yes"),
    "no": _("No"),
    "condition": _("The step's condition doesn't hold"),
    # Gates
    "all_gates_open": _("Everything allowed it"),
    "no_address": _("We have no address for this channel"),
    "channel_not_used": _("Nothing is sent on this channel; what they said about it is kept on record"),
    "no_consent": _("They haven't agreed to marketing on this channel"),
    "not_confirmed": _("They said yes, but haven't confirmed it yet"),
    "needs_second_yes": _("A yes that has to be confirmed: they are asked once"),
    "one_text_per_basket": _("They were texted about this basket already; the rules allow one text"),
    "too_late_for_a_text": _("The basket was left more than two days ago; the rules allow no text after that"),
    "unsubscribed": _("They unsubscribed"),
    "opted_out": _("They texted STOP"),
    "merchant": _("You suppressed it"),
    "complaint": _("They marked a message as spam"),
    "complained": _("They marked this message as spam"),
    "erased": _("Their data was erased"),
    "deleted": _("The customer was deleted in the store"),
    "all_marketing_stopped": _("You stopped all marketing"),
    "topic_off": _("They don't want to hear about this"),
    "paused": _("They asked for a pause"),
    "frequency": _("They asked to hear from you less often"),
    "outranked": _("A more important message goes to them at this time"),
    "merged": _("Another message said it already"),
    "complaint_rate": _("Too many people marked your emails as spam, so marketing is held"),
    "domain_unverified": _("Your sending domain isn't verified, so marketing emails are held"),
    "domain_taken": _("Your sending domain is another store's, so no email goes from it"),
    "ramp": _("Today's number for a new sender is used up; it goes tomorrow"),
    "sms_country": _("You don't send texts to that country"),
    "sms_new_numbers": _("Suspiciously many new numbers alike; held for an hour"),
    "sms_day_cap": _("Texts have reached what you spend a day; it goes tomorrow"),
    "sms_month_cap": _("Texts have reached what you spend a month"),
    "soft_bounces": _("The mailbox turned away five emails in a row"),
    "quiet_hours": _("It is night where they live; it goes in the morning"),
    "other_channel": _("They have just heard from you on another channel"),
    "nothing_to_show": _("There was nothing to show in it"),
    "time_passed": _("The wait was over"),
    "held_up": _("We were held up; it goes again at once"),
    "checkout_emptied": _("The checkout was emptied"),
    "channel_window": _("They heard from you a short while ago on this channel"),
    "weekly_cap": _("They had as many messages this week as you allow"),
    "provider_limit": _("The provider's limit was reached"),
    "store_unreachable": _("Your store didn't answer when we asked whether they had bought"),
    "dropped_by_merchant": _("You dropped it"),
    "retried_by_merchant": _("You asked for another try"),
    # Handing over
    "no_number": _("There is no number yet for your texts; they go when there is"),
    "no_provider": _("No provider is set up for this channel"),
    "template_error": _("The template has a mistake"),
    "outcome_unknown": _("The provider never said whether it took it; sending again could double it"),
    "repeated_once": _("The provider gave no answer; it is tried once more"),
    "found_at_provider": _("The provider confirmed that it has it"),
    "surely_absent": _("The provider surely never got it; it is tried again"),
    "receipt_arrived": _("The provider reported it"),
    "worker_lost": _("Sending was interrupted; we are finding out what happened"),
    "timeout": _("The provider didn't answer in time"),
    "connection_lost": _("The connection to the provider broke"),
    "connection_refused": _("The provider couldn't be reached"),
    "rate_limited": _("The provider asked us to slow down"),
    "unreadable_answer": _("The provider's answer made no sense"),
    "invalid_address": _("The address doesn't exist"),
    "bounced": _("The mailbox refused it"),
    "dropped": _("The provider dropped it"),
    "failed": _("The provider couldn't deliver it"),
    "account_credentials": _("The provider refuses our account's password or key"),
    "account_sender": _("The provider doesn't accept the sender's address"),
    # Files of people
    "bad_email": _("This isn't an email address"),
    "bad_phone": _("This isn't a phone number"),
    "bad_consent": _("This is neither a yes nor a no"),
    "bad_date": _("This isn't a date we can read"),
    "no_date": _("It doesn't say when they agreed"),
    "date_in_future": _("This date is still to come"),
    "nothing_said": _("It says nothing about consent"),
    "a_workbook": _("This is a workbook. Save it as CSV first, in your spreadsheet program"),
    "not_text": _("This isn't a table of text. Save it as CSV first"),
    "no_lines": _("There are no lines in this file"),
    "too_many_lines": _("This file has more than 100,000 lines. Split it"),
    # Deliveries
    "unknown_shop": _("It came for a store that isn't known here"),
    "foreign_shop": _("Its content belongs to another store"),
    "sealed_with_a_lost_key": _("It was stored under a secret key that is gone"),
    "not_json": _("It isn't readable data"),
    "unused_topic": _("Nothing here needs this kind of news"),
    "stock_not_counted": _("The store doesn't count this stock"),
    "no_consent_told": _("It says nothing about consent"),
    "merge_not_completed": _("The merge isn't finished"),
    "parcel_not_moving": _("The parcel hasn't moved"),
    "not_an_export": _("It isn't about one of our exports"),
    "no_access": _("The store doesn't let us in: open the app once more"),
}

PREFIXES: Final[dict[str, str]] = {
    "suppressed": _("This address must not be written to ({what})"),
    "filter": _("The journey's filter on {what} doesn't fit"),
    "condition": _("The step's condition on {what} doesn't hold"),
    "rejected": _("The provider refused it ({what})"),
    "error": _("Something in it broke our reading ({what})"),
    "unreadable": _("It can't be read ({what})"),
    "missing_field": _("The store left out {what}"),
    "bad_field": _("The store wrote {what} in a way we can't read"),
}

MESSAGE_STATES: Final[dict[str, str]] = {
    "planned": _("Planned"),
    "due": _("Waiting to go"),
    "deferred": _("Waiting"),
    "claimed": _("Going out"),
    "sending": _("Going out"),
    "unknown": _("Finding out"),
    "accepted": _("Sent"),
    "delivered": _("Delivered"),
    "bounced": _("Bounced"),
    "complained": _("Marked as spam"),
    "parked": _("Needs you"),
    "failed": _("Failed"),
    "skipped": _("Not sent"),
    "expired": _("Too late"),
    "cancelled": _("Cancelled"),
}
TONES: Final[dict[str, str]] = {
    "accepted": "good",
    "delivered": "good",
    "applied": "good",
    "installed": "good",
    "done": "good",
    "planned": "calm",
    "due": "calm",
    "deferred": "calm",
    "claimed": "calm",
    "sending": "calm",
    "pending": "calm",
    "waiting": "calm",
    "exporting": "calm",
    "reading": "calm",
    "unknown": "care",
    "skipped": "plain",
    "expired": "plain",
    "cancelled": "plain",
    "ignored": "plain",
    "bounced": "bad",
    "complained": "bad",
    "failed": "bad",
    "parked": "bad",
}
OUTCOMES: Final[dict[str, str]] = {
    "entered": _("Entered"),
    "not_entered": _("Did not enter"),
    "moved": _("Started over"),
    "waited": _("Waited"),
    "split": _("Took a branch"),
    "planned": _("Planned"),
    "sent": _("Sent"),
    "deferred": _("Held for later"),
    "skipped": _("Not sent"),
    "expired": _("Too late"),
    "cancelled": _("Cancelled"),
    "exited": _("Left"),
    "completed": _("Finished"),
    "suppressed": _("Let go"),
    "failed": _("Failed"),
    "parked": _("Needs you"),
    "unknown": _("Finding out"),
    "bounced": _("Bounced"),
    "complained": _("Marked as spam"),
    "due": _("Tried again"),
    "changed": _("Went over to the new version"),
}
DELIVERY_STATES: Final[dict[str, str]] = {
    "pending": _("Waiting"),
    "applied": _("Applied"),
    "ignored": _("Not needed"),
    "parked": _("Needs you"),
}
CHANNELS: Final[dict[str, str]] = {"email": _("Email"), "sms": _("SMS"), "whatsapp": _("WhatsApp")}
PROVIDERS: Final[dict[str, str]] = {"sendgrid": "SendGrid", "smtp": _("A mail server"), "twilio": "Twilio"}
CONSENTS: Final[dict[str, str]] = {
    "subscribed": _("Subscribed"),
    "unsubscribed": _("Unsubscribed"),
    "pending": _("Asked to confirm"),
    "never_asked": _("Never asked"),
    "unconfirmed": _("Not confirmed yet"),
}
ROLES: Final[dict[str, str]] = {"owner": _("Owner"), "editor": _("Editor"), "viewer": _("Viewer")}
ROLES_NEEDED: Final[dict[str, str]] = {
    "viewer": _("You can't look at this."),
    "editor": _("You can look, but not change anything. An owner can make you an editor, under Settings, Team."),
    "owner": _("Only an owner of this app can do that. Settings, Team says who that is."),
}
PURPOSES: Final[dict[str, str]] = {
    "marketing": _("Marketing"),
    "basket": _("Marketing about a cart or checkout they left"),
    "transactional": _("About their own orders"),
}
SOURCES: Final[dict[str, str]] = {
    "shopify": _("Told by your store"),
    "checkout": _("Told by your store, from a checkout"),
    "keyword": _("Their own text message"),
    "unsubscribe_link": _("The unsubscribe link of a message"),
    "preference_page": _("Their own choice on the preference page"),
    "double_opt_in": _("Double opt-in"),
    "import": _("A file you imported"),
    "merge": _("Merged with a customer who had unsubscribed"),
    "sunset": _("Sunset: they hadn't reacted for long"),
}
COLLECTED: Final[dict[str, str]] = {
    "checkout_box": _("tick box at checkout"),
    "link": _("a click on a link"),
    "page": _("a page"),
    "text": _("a text message"),
    "request": _("they were asked to confirm"),
    "file": _("a line of a file"),
}
FREQUENCIES: Final[dict[str, str]] = {
    "all": _("Whenever there is something"),
    "weekly": _("At most once a week"),
    "less": _("At most once a month"),
}
FILE_FIELDS: Final[dict[str, str]] = {
    "email": _("Email"),
    "phone": _("Phone"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "country": _("Country (two letters)"),
    "email_consent": _("Agreed to emails (yes or no)"),
    "sms_consent": _("Agreed to texts (yes or no)"),
    "whatsapp_consent": _("Agreed to WhatsApp (yes or no)"),
    "agreed_at": _("When they agreed"),
    "double_opt_in": _("Confirmed (double opt-in)"),
    "wording": _("To which words or form"),
    "ip": _("IP address"),
}
PARTS_OF_LINES: Final[dict[str, str]] = {
    "line": _("Whole line"),
    "email": _("Email"),
    "phone": _("Phone"),
    "email_consent": _("Yes to emails"),
    "sms_consent": _("Yes to texts"),
    "whatsapp_consent": _("Yes to WhatsApp"),
}
FILE_STATES: Final[dict[str, str]] = {
    "uploaded": _("Waits for you"),
    "running": _("Reading"),
    "done": _("Done"),
    "dropped": _("Thrown away"),
}
IMPORT_KINDS: Final[dict[tuple[str, str], str]] = {
    ("customers", "recent"): _("Customers of the last 90 days"),
    ("products", "recent"): _("All products"),
    ("orders", "recent"): _("Orders of the last 90 days"),
    ("customers", "older"): _("Older customers"),
    ("orders", "older"): _("Older orders"),
}
IMPORT_STATES: Final[dict[str, str]] = {
    "waiting": _("Waiting its turn"),
    "exporting": _("The store is preparing it"),
    "reading": _("Reading"),
    "done": _("Done"),
    "failed": _("Failed"),
}


def spelled(code: str) -> str:
    """A code made readable: `checkout.gift_cards_only` -> `checkout gift cards only`."""
    return code.replace("_", " ").replace(".", " ").replace(":", ": ").strip()


def reason(code: str | None) -> str:
    """A reason code as a sentence; a code without words of its own is made readable."""
    if not code:
        return ""
    if code in REASONS:
        return REASONS[code]
    prefix, _colon, what = code.partition(":")
    if what and prefix in PREFIXES:
        inner = REASONS.get(what)
        return PREFIXES[prefix].format(what=inner[0].lower() + inner[1:] if inner else spelled(what))
    text = spelled(code)
    return text[:1].upper() + text[1:]


def source(code: str) -> str:
    """Who told us a word on consent."""
    prefix, _colon, what = code.partition(":")
    if what and prefix == "provider":
        return _("Reported by the provider ({what})", what=spelled(what))
    return SOURCES.get(code) or spelled(code)


TOPICS: Final[dict[str, str]] = {
    "carts/create": _("A cart was filled"),
    "carts/update": _("A cart changed"),
    "checkouts/create": _("A checkout began"),
    "checkouts/update": _("A checkout changed"),
    "checkouts/delete": _("A checkout was removed"),
    "orders/create": _("An order was placed"),
    "orders/updated": _("An order changed"),
    "orders/paid": _("An order was paid"),
    "orders/cancelled": _("An order was cancelled"),
    "orders/fulfilled": _("An order was shipped"),
    "orders/delete": _("An order was deleted"),
    "fulfillments/create": _("A parcel left"),
    "fulfillments/update": _("A parcel changed"),
    "fulfillment_events/create": _("News of a parcel"),
    "fulfillment_events/delete": _("News of a parcel was withdrawn"),
    "refunds/create": _("Money was given back"),
    "customers/create": _("A new customer"),
    "customers/update": _("A customer changed"),
    "customers/delete": _("A customer was deleted"),
    "customers/merge": _("Two customers became one"),
    "customers_email_marketing_consent/update": _("Email consent changed"),
    "customers_marketing_consent/update": _("SMS consent changed"),
    "customer.tags_added": _("A customer was tagged"),
    "customer.tags_removed": _("A customer's tag was removed"),
    "products/create": _("A new product"),
    "products/update": _("A product changed"),
    "products/delete": _("A product was deleted"),
    "inventory_levels/update": _("Stock changed"),
    "app/uninstalled": _("The app was removed"),
    "app/scopes_update": _("The app's permissions changed"),
    "shop/update": _("Your store's details changed"),
    "bulk_operations/finish": _("An export was ready"),
    "customers/data_request": _("A customer asked for their data"),
    "customers/redact": _("A customer is to be erased"),
    "shop/redact": _("The store is to be erased"),
}


def topic(name: str) -> str:
    """A webhook's topic in plain words."""
    return TOPICS.get(name) or spelled(name.replace("/", " ")).capitalize()
