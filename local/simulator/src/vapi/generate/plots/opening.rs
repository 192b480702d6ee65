//! How calls begin and end.

use crate::vapi::generate::stage::Stage;

/// Greets, says who calls and why, and hears what the caller wants.
pub(super) fn open(stage: &mut Stage<'_>, inbound: bool) {
    if inbound {
        stage.agent(
            "[Thanks|Thank you] for calling {brand}[, your {trade} at {street}|]. \
             [This is {agent}|You're speaking with {agent}|My name is {agent}]. \
             [How can I help you today?|What can I do for you?|How may I help?]",
        );
        let (service, need) = stage.dice.pick(&stage.scene.business.needs);
        stage.scene.want(service, stage.dice);
        stage.caller(&format!(
            "[Hi|Hello|Hey|Good morning|Oh, hi], [this is {{caller}}, |]{need}."
        ));
        stage.agent(
            "[I'm sorry to hear that|Thanks for telling me|Good that you called|I can help with that], \
             [let's sort it out|let me see what we can do|I'll find the right thing for you].",
        );
        return;
    }
    stage.agent(
        "[Hi|Hello|Good morning|Good afternoon], [this is {agent}|my name is {agent}, I'm calling|{agent} here] \
         from {brand}[, the {trade}|]. [Am I speaking with {caller}?|Is this {caller}?|Do I have {caller} on the line?]",
    );
    stage.caller("[Yes, speaking.|That's me.|Yeah, this is {caller}.|Speaking, who is this?|Yes, hello?]");
    stage.agent(
        "[Great|Good to reach you|Thanks for picking up|Lovely]. \
         [You asked us about|I'm following up on your question about|You left your number with us about] {service}. \
         [Do you have two minutes?|Is now a good time?|Have I caught you at a good moment?]",
    );
    stage.caller(
        "[Sure, go ahead|Yes, that's fine|Okay, but I'm on my way out, so be quick|Oh right, yes|Two minutes, yes].",
    );
}

/// Says why the business is worth it.
pub(super) fn pitch(stage: &mut Stage<'_>) {
    stage.agent(
        "[What people like about us is that|The good thing at {brand} is that|Just so you know,|One thing worth knowing:] {value}.",
    );
    stage.caller("[That sounds good|Okay, nice|Oh, I didn't know that|Right|Good to know].");
}

/// Says goodbye in good order.
pub(super) fn close(stage: &mut Stage<'_>) {
    stage.agent(
        "[Is there anything else I can help you with?|Anything else for today?|Can I do anything else for you?]",
    );
    stage.caller("[No, that's all|No, thank you|That was it, thanks|I think we're good|Nope, all set].");
    stage.agent(
        "[Thank you for your time|Thanks for choosing {brand}|It was a pleasure|Thanks for calling {brand}|\
         We look forward to seeing you], [have a lovely day|take care|bye for now|enjoy the rest of your day|goodbye].",
    );
    if stage.dice.chance(0.7) {
        stage.caller("[Bye|Thanks, bye|You too, bye|Cheers|Okay, bye bye].");
    }
}
